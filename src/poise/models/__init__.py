"""Networks and nothing else; importing this room enters them into the registry (family "network")."""

from poise.models.images import ImageDiscriminator, ImageGenerator, NetworkPair

__all__ = ["ImageDiscriminator", "ImageGenerator", "NetworkPair"]
