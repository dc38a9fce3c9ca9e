"""The recipe `vae`: its signature, how it is built, what comes out."""
