"""An auto-encoder handed over: encoder and decoder as code, pictures from noise as a graph. Loads torch."""

from __future__ import annotations

from typing import Any

from torch import nn

from poise.models.own import Shaped
from poise.models.vae import AutoEncoder, FromMixture, ImageDecoder, ImageEncoder
from poise.networks import AutoencoderNetworks
from poise.recipes.common.portable import Call, Portable
from poise.recipes.common.recipe import Arguments
from poise.recipes.images.portable import handed_over
from poise.recipes.vae.facts import VaeFacts
from poise.registry import find


def portable(arguments: Arguments, facts: VaeFacts, generator: nn.Module) -> Portable:
    """Of a run of `vae`: samples are of the latents that the run was judged with."""
    assert isinstance(generator, AutoEncoder)
    network = autoencoder_call(arguments["network"], arguments["autoencoder"], facts)
    drawn = find("latents", facts.latents)(generator)
    return handed_over(network, facts, drawn, FromMixture if isinstance(drawn, FromMixture) else None)


def autoencoder_call(network: AutoencoderNetworks | str, options: Any, facts: VaeFacts) -> Call:
    """What makes the auto-encoder."""
    encoder, decoder = coder_calls(network, options, facts)
    likelihood = Call(find("likelihood", facts.likelihood), options={"sigma": facts.sigma})
    return Call(AutoEncoder, (encoder, decoder, likelihood, facts.latent_size, facts.deterministic))


def coder_calls(network: AutoencoderNetworks | str, options: Any, facts: VaeFacts) -> tuple[Call, Call]:
    """Encoder and decoder, as `poise.recipes.vae.networks` makes them."""
    latents = facts.latent_size
    outputs = latents if facts.deterministic else 2 * latents
    if isinstance(network, AutoencoderNetworks):
        own = Call(type(network), options=vars(network))
        first = Call("encoder", (facts.sides, facts.channels, outputs), of=own)
        second = Call("decoder", (facts.sides, facts.channels, latents), of=own)
        return Call(Shaped, (first, "encoder", (outputs,))), Call(Shaped, (second, "decoder", facts.shape))
    pair = find("network", network)
    given = {"size": facts.sides, "channels": facts.channels}
    given |= {"width": options.width, "depth": options.depth, "norm": options.norm}
    encoder = Call(ImageEncoder, (Call(pair.discriminator, options=given), outputs))
    return encoder, Call(ImageDecoder, (Call(pair.generator, options={**given, "noise": latents}),))
