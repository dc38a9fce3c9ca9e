"""The recipe `speech`: its signature, how it is built, what comes out."""
