"""The recipe `vocoder`: its signature, how it is built, what comes out."""
