"""Encoder, decoder and the discriminator of vae_gan: ours, or those that a user brought. Loads torch."""

from __future__ import annotations

from typing import Any

from torch import nn

from poise.models.own import Shaped
from poise.models.vae import AutoEncoder, ImageDecoder, ImageEncoder
from poise.networks import AutoencoderNetworks
from poise.recipes.common.own import judges, user_errors
from poise.recipes.common.recipe import Arguments
from poise.recipes.images import build as image_parts
from poise.recipes.vae.facts import VaeFacts
from poise.registry import find


def model(network: AutoencoderNetworks | str, options: Any, facts: VaeFacts) -> AutoEncoder:
    """The auto-encoder alone, with fresh weights; `options` is an `AutoencoderOptions`."""
    encoder, decoder = coders(network, options, facts)
    likelihood = find("likelihood", facts.likelihood)(sigma=facts.sigma)
    return AutoEncoder(encoder, decoder, likelihood, facts.latent_size, facts.deterministic)


def coders(network: AutoencoderNetworks | str, options: Any, facts: VaeFacts) -> tuple[nn.Module, nn.Module]:
    """Encoder and decoder."""
    outputs = facts.latent_size if facts.deterministic else 2 * facts.latent_size
    if isinstance(network, AutoencoderNetworks):
        beside = image_parts.of_rectangles(facts)
        with user_errors(network, f"encoder cannot be made{beside}"):
            first = Shaped(network.encoder(facts.sides, facts.channels, outputs), "encoder", (outputs,))
        with user_errors(network, f"decoder cannot be made{beside}"):
            made = network.decoder(facts.sides, facts.channels, facts.latent_size)
            return first, Shaped(made, "decoder", facts.shape)
    pair, latents = find("network", network), facts.latent_size
    size = {"size": facts.sides, "channels": facts.channels}
    own = {"width": options.width, "depth": options.depth, "norm": options.norm}
    encoder = ImageEncoder(pair.discriminator(**size, **own), outputs)
    return encoder, ImageDecoder(pair.generator(**size, **own, noise=latents))


def discriminator(network: AutoencoderNetworks | str, options: Any, facts: VaeFacts) -> nn.Module:
    """That of vae_gan, with fresh weights: the network's own, or ours beside a network that has none."""
    if not isinstance(network, AutoencoderNetworks):
        return image_parts.discriminator(network, options, facts)
    with user_errors(network, f"discriminator cannot be made{image_parts.of_rectangles(facts)}"):
        own = judges(network, network.discriminator(facts.sides, facts.channels))
    return own or image_parts.discriminator("short_dcgan", options, facts)


def rebuilt(arguments: Arguments, facts: VaeFacts) -> AutoEncoder:
    """The auto-encoder of a run, with fresh weights."""
    return model(arguments["network"], arguments["autoencoder"], facts)
