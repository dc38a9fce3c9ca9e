"""Metrics of an autoencoder: likelihood, used latents, what a latent says about the class."""
