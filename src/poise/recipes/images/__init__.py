"""The recipe `images`: its signature, how it is built, what comes out."""
