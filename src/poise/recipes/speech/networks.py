"""The networks of a speech run, with fresh weights: ours, or those that a user brought. Loads torch."""

from __future__ import annotations

from typing import Any

from torch import nn

from poise.data.transcripts.utterances import SpeechTokenizer
from poise.models.own import OwnAcousticModel, OwnDiscriminator
from poise.networks import SpeechNetworks
from poise.recipes.common.own import user_errors
from poise.recipes.common.recipe import Arguments
from poise.recipes.speech.facts import SpeechFacts
from poise.recipes.vocoder import build as waves
from poise.registry import find


def sizes_of(facts: SpeechFacts) -> tuple[int, int, int, int, float, bool]:
    """What networks are sized by: phones, tones, voices, bands, seconds of a frame, and whether items are whole."""
    mel, tokenizer = facts.heard, SpeechTokenizer.from_dict(facts.units)
    phones, tones = len(tokenizer.phones) + 1, len(tokenizer.tones)
    return phones, tones, len(facts.voices), mel.bands, mel.hop / mel.rate, facts.whole


def speaker(network: SpeechNetworks | str, options: Any, facts: SpeechFacts) -> nn.Module:
    """The generator of log-mels alone, with fresh weights."""
    if isinstance(network, SpeechNetworks):
        with user_errors(network, "generator cannot be made"):
            made = network.generator(options.width, facts.heard.bands)
            return OwnAcousticModel(made, *sizes_of(facts), options.width, options.noise)
    net: nn.Module = find("speech", network)(*sizes_of(facts), options.width, options.depth, options.noise)
    return net


def critic(network: SpeechNetworks | str, kind: str, options: Any, facts: SpeechFacts) -> nn.Module:
    """The discriminator of log-mels alone, with fresh weights: that of a user's network where it has one."""
    if isinstance(network, SpeechNetworks):
        with user_errors(network, "discriminator cannot be made"):
            own = network.discriminator(facts.heard.bands)
            if own is not None:
                return OwnDiscriminator(own)
    net: nn.Module = find("mel critic", kind)(*sizes_of(facts), options)
    return net


class Voice(nn.Module):
    """Both networks of a run: `generator`, of log-mels, and `vocoder`."""

    def __init__(self, generator: nn.Module, vocoder: nn.Module) -> None:
        super().__init__()
        self.generator, self.vocoder = generator, vocoder


def voice(arguments: Arguments, facts: SpeechFacts) -> Voice:
    """Both networks of a finished run, with fresh weights."""
    made = speaker(arguments["network"], arguments["generator"], facts)
    if facts.vocoder is not None:
        return Voice(made, waves.generator(facts.vocoder.network, facts.vocoder, facts.heard))
    return Voice(made, waves.generator(arguments["vocoder_network"], arguments["vocoder"], facts.heard))
