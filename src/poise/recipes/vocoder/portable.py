"""A vocoder handed over: its code, log-mels and waves as graphs, what a page needs. Loads torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from poise.audio.matrices import MatrixInverse, MatrixMel
from poise.audio.spectrograms import Mel
from poise.errors import PoiseError
from poise.models.own import OwnVocoder
from poise.models.shared.layers import renormalised
from poise.models.vocoders import MIDDLE, SPREAD, Vocos
from poise.networks import VocoderNetworks
from poise.recipes.common.portable import Call, Graph, Portable, Value
from poise.recipes.common.recipe import Arguments
from poise.recipes.vocoder.drawing import copied_wave
from poise.recipes.vocoder.facts import VocoderFacts
from poise.registry import find
from poise.training.loop import fold_seed

PROGRAM = '''
def main() -> None:
    """Write a recording again."""
    parser = argparse.ArgumentParser(description="Sends a recording through its log-mel spectrogram and back.")
    parser.add_argument("recording", help="a .wav file of RATE samples a second")
    parser.add_argument("--out", default="again.wav", help="the file to write")
    options = parser.parse_args()
    samples, rate = read_wav(Path(options.recording))
    if rate != RATE:
        raise SystemExit(f"{options.recording} has {rate} samples a second: bring it to RATE first")
    write_wav(Path(options.out), copied_wave(open_generator(), samples), rate)


if __name__ == "__main__":
    main()
'''


class WaveOfMel(nn.Module):
    """Log-mels [B,M,F] -> waves [B,F·hop], without a Fourier transform."""

    def __init__(self, vocoder: Any) -> None:
        super().__init__()
        self.vocoder = vocoder
        self.inverse = None
        if isinstance(vocoder, Vocos):
            self.inverse = MatrixInverse(vocoder.mel.window, vocoder.mel.hop)

    def forward(self, mel: Tensor) -> Tensor:
        scaled = (mel - MIDDLE) / SPREAD
        if self.inverse is None:
            found: Tensor = self.vocoder.wave(scaled, mel)
            return found
        real, imaginary = self.vocoder.spectrum(scaled, mel)
        whole: Tensor = self.inverse(real, imaginary)
        return whole


def portable(arguments: Arguments, facts: VocoderFacts, generator: nn.Module) -> Portable:
    """Of a run of `vocoder`. Errors: PoiseError where it was not trained yet."""
    check_trained(generator)
    mel = facts.heard
    waves = Value("wave", ("batch", "samples"), "float32", f"{mel.rate} samples a second, a multiple of {mel.hop}")
    analysis = Graph("mel", MatrixMel(mel).eval(), [waves], [log_mel(mel)], waves_of(mel))
    return Portable(
        vocoder_call(arguments["network"], arguments["generator"], mel),
        (copied_wave,),
        PROGRAM.replace("RATE", str(mel.rate)),
        [analysis, wave_graph(mel, generator)],
        {"kind": "vocoder", "rate": mel.rate, "hop": mel.hop},
        [f"`open_generator()(None, mel)`: log-mel [B,{mel.bands},F] -> waves [B,1,{mel.hop}·F], {mel.rate} a second"],
    )


def check_trained(vocoder: nn.Module) -> None:
    """Errors: PoiseError for a vocoder that no step has changed."""
    if not int(vocoder.get_buffer("trained")):
        raise PoiseError("the vocoder of this run was not trained yet at this step: go on with poise resume first")


def vocoder_call(network: VocoderNetworks | str, options: Any, mel: Mel) -> Call:
    """What makes a vocoder."""
    heard = Call(Mel, options=mel.to_dict())
    if isinstance(network, VocoderNetworks):
        own: Mapping[str, Any] = vars(network)
        made = Call("generator", (mel.bands, mel.hop), of=Call(type(network), options=own))
        return Call(OwnVocoder, (made, heard))
    return Call(renormalised, (Call(find("vocoder", network), (heard, options.width, options.depth)), options.norm))


def log_mel(mel: Mel) -> Value:
    return Value("log_mel", ("batch", mel.bands, "frames"), "float32", "natural logarithms of mel magnitudes")


def wave_graph(mel: Mel, vocoder: nn.Module) -> Graph:
    """From log-mels to waves."""
    made = Value("wave", ("batch", "samples"), "float32", f"{mel.rate} samples a second, {mel.hop} for each frame")
    waves = waves_of(mel)

    def examples(n: int, seed: int) -> tuple[Tensor, ...]:
        return (mel(*waves(n, seed)),)

    return Graph("vocoder", WaveOfMel(vocoder).eval(), [log_mel(mel)], [made], examples)


def waves_of(mel: Mel) -> Any:
    """n waves of noise with a rhythm, as an example."""

    def examples(n: int, seed: int) -> tuple[Tensor, ...]:
        rng = torch.Generator().manual_seed(fold_seed(seed, 0))
        samples = (40 + 3 * seed) * mel.hop
        loud = torch.linspace(0, 12, samples).sin().abs() * 0.2
        return (torch.randn(n, samples, generator=rng) * loud,)

    return examples
