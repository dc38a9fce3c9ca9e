"""Generators and discriminators for pictures of any side from 16 to 256 (docs/networks.md), family "network"."""

from poise.models.images.base import ImageDiscriminator, ImageGenerator, NetworkPair

__all__ = ["ImageDiscriminator", "ImageGenerator", "NetworkPair"]
