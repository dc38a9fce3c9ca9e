"""Networks and nothing else."""

from poise.models.images import ImageDiscriminator, ImageGenerator, NetworkPair

__all__ = ["ImageDiscriminator", "ImageGenerator", "NetworkPair"]
