"""The recipe `language`: its signature, how it is built, what comes out."""
