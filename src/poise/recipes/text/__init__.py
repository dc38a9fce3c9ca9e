"""The recipe `text`: its signature, how it is built, what comes out."""
