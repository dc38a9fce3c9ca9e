"""A speaker handed over: both networks as code and as graphs, and what turns texts into numbers. Loads torch."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict

import torch
from torch import Tensor, nn

from poise.audio.speech_conditions import packed
from poise.data.transcripts import syllables
from poise.data.transcripts.utterances import SpeechTokenizer
from poise.models.own import OwnAcousticModel
from poise.models.speech import AlignedAcousticModel
from poise.networks import SpeechNetworks
from poise.recipes.common.portable import Call, Graph, Portable, Value
from poise.recipes.common.recipe import Arguments
from poise.recipes.speech.drawing import FADE, Spoken, parts_of, spoken_parts
from poise.recipes.speech.facts import SpeechFacts
from poise.recipes.speech.networks import Voice, sizes_of
from poise.recipes.vocoder.portable import check_trained, log_mel, vocoder_call, wave_graph
from poise.registry import find
from poise.training.loop import fold_seed

SAID = "units.json"
PROGRAM = '''
def main() -> None:
    """Say a text."""
    table = Spoken(**json.loads((Path(__file__).parent / "units.json").read_text(encoding="utf-8")))
    parser = argparse.ArgumentParser(description="Says a text.")
    parser.add_argument("text", help=f"in {table.units}; of syllables pinyin with numbers of tones: ni3hao3")
    parser.add_argument("--voice", type=int, default=0, help=f"number of a voice: {dict(enumerate(table.voices))}")
    parser.add_argument("--seed", type=int, default=0, help="of the noise; the same seed says it the same way")
    parser.add_argument("--speed", type=float, default=1.0, help="0.25 to 4, where 1 is as in the recordings")
    parser.add_argument("--out", default="said.wav", help="the file to write")
    options = parser.parse_args()
    if not 0 <= options.voice < len(table.voices):
        parser.error(f"--voice must be 0 to {len(table.voices) - 1}, not {options.voice}")
    if not 0.25 <= options.speed <= 4:
        parser.error(f"--speed must be 0.25 to 4, not {options.speed}")
    try:
        parts = parts_of(options.text, table)
    except ValueError as error:
        raise SystemExit(str(error)) from None
    samples = spoken_parts(open_generator(), parts, options.voice, options.seed, options.speed, RATE)
    write_wav(Path(options.out), samples, RATE)


if __name__ == "__main__":
    main()
'''


class ReadUnits(nn.Module):
    """Phones and tones [1,L] in a voice [1] -> a code for each unit [1,L,width], and frames [1,L], of the item [1,1]
    where it is whole: not yet rounded, at speed 1."""

    def __init__(self, model: AlignedAcousticModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, phones: Tensor, tones: Tensor, voice: Tensor) -> tuple[Tensor, Tensor]:
        nothing = torch.zeros_like(voice)
        units = self.model.script.units(packed(voice, phones, tones, torch.zeros_like(phones), nothing))
        return units, self.model.log_frames_of(units, voice).exp()


class SpokenMel(nn.Module):
    """The log-mel [1,M,F] of an item whose frames [F] belong to `unit` and lie at `place` in it, from 0 to 1; of one
    that is whole `place` is in the item, and `unit` tells nothing."""

    def __init__(self, model: AlignedAcousticModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, noise: Tensor, codes: Tensor, voice: Tensor, unit: Tensor, place: Tensor) -> Tensor:
        total = torch.ones_like(unit).sum(1)
        if self.model.whole:
            framed = self.model.script.codes(codes, voice, total, None, place + 0 * unit)
        else:
            framed = self.model.script.codes(codes, voice, total, unit, place)
        return self.model.spoken(noise, framed, torch.ones_like(place, dtype=torch.bool).unsqueeze(2))


def portable(arguments: Arguments, facts: SpeechFacts, generator: nn.Module) -> Portable:
    """Of a run of `speech`. Errors: PoiseError where its vocoder was not trained yet."""
    assert isinstance(generator, Voice) and isinstance(generator.generator, AlignedAcousticModel)
    check_trained(generator.vocoder)
    mel, model = facts.heard, generator.generator
    table = spoken_table(facts)
    return Portable(
        Call(Voice, (acoustic_call(arguments, facts), spoken_with(arguments, facts))),
        (spoken_parts, parts_of, Spoken),
        PROGRAM.replace("RATE", str(mel.rate)),
        [*acoustic_graphs(model, facts), wave_graph(mel, generator.vocoder)],
        {"kind": "speech", "rate": mel.rate, "hop": mel.hop, "noise": model.noise_size, "fade": FADE, **asdict(table)}
        | {"folded": folded(table.phones)},
        ["`open_generator()`: .generator makes log-mels of conditions and noise, .vocoder waves of log-mels"],
        {SAID: {**asdict(table), "example": ""}},
    )


def folded(phones: Sequence[str]) -> dict[str, str]:
    """The letters that training folds to units and whose small letters are others: "ß" -> "ss", "ς" -> "σ".

    Example:
        >>> folded(["s"])
        {'ß': 'ss', 'ſ': 's', 'ẞ': 'ss', 'ﬅ': 'st', 'ﬆ': 'st'}
    """
    known = set(phones)
    every = (chr(code) for code in range(sys.maxunicode + 1))
    return {c: c.casefold() for c in every if c.casefold() != c.lower() and known & set(c.casefold())}


def acoustic_call(arguments: Arguments, facts: SpeechFacts) -> Call:
    """What makes the generator of log-mels."""
    network, options = arguments["network"], arguments["generator"]
    if isinstance(network, SpeechNetworks):
        made = Call("generator", (options.width, facts.heard.bands), of=Call(type(network), options=vars(network)))
        return Call(OwnAcousticModel, (made, *sizes_of(facts), options.width, options.noise))
    return Call(find("speech", network), (*sizes_of(facts), options.width, options.depth, options.noise))


def spoken_with(arguments: Arguments, facts: SpeechFacts) -> Call:
    """What makes the vocoder: its own, or one that was borrowed."""
    if facts.vocoder is not None:
        return vocoder_call(facts.vocoder.network, facts.vocoder, facts.heard)
    return vocoder_call(arguments["vocoder_network"], arguments["vocoder"], facts.heard)


def spoken_table(facts: SpeechFacts) -> Spoken:
    """What `parts_of` goes by; of syllables all spellings there are, since a word is taken apart by them."""
    units = SpeechTokenizer.from_dict(facts.units)
    spelt: dict[str, list[str]] = {}
    if units.kind == "syllables":
        keys = {letter: (letter, "") for letter, _ in syllables.LETTERS} | syllables.spellings()
        for word, (initial, final) in keys.items():
            spelt[word] = [*([f"{initial}-"] if initial else []), *([final] if final else [])]
    return Spoken(
        units.kind,
        list(units.phones),
        list(units.tones),
        list(facts.voices),
        facts.whole,
        facts.single,
        facts.texts[0][0] if facts.texts else "",
        spelt,
    )


def acoustic_graphs(model: AlignedAcousticModel, facts: SpeechFacts) -> list[Graph]:
    """Lengths first, which the host rounds; then log-mels of so many frames."""
    phones, tones, voices, *_ = sizes_of(facts)
    said = [
        Value("phones", (1, "units"), "int64", "numbers of phones, from 1"),
        Value("tones", (1, "units"), "int64", "numbers of their tones"),
        Value("voice", (1,), "int64", "number of the voice"),
    ]
    width = model.first.in_features
    codes = Value("codes", (1, "units", width), "float32", "of the units")
    frames = Value("frames", (1, 1 if facts.whole else "units"), "float32", "of each unit, to be divided and rounded")
    noise = Value("noise", (1, model.noise_size), "float32", "independent numbers from N(0, 1)")
    unit = Value("unit", (1, "frames"), "int64", "which unit each frame belongs to")
    place = Value("place", (1, "frames"), "float32", "where in it the middle of the frame lies, from 0 to 1")

    def units(n: int, seed: int) -> tuple[Tensor, ...]:
        rng = torch.Generator().manual_seed(fold_seed(seed, 0))
        numbers = (torch.randint(low, high, (1, 3 + n % 7), generator=rng) for low, high in ((1, phones), (0, tones)))
        return (*numbers, torch.full((1,), seed % voices))

    reading = ReadUnits(model).eval()

    @torch.no_grad()
    def spoken(n: int, seed: int) -> tuple[Tensor, ...]:
        asked = units(n, seed)
        count, length = asked[0].shape[1], 5 + seed % 3
        rng = torch.Generator().manual_seed(fold_seed(seed, 1))
        belongs = torch.arange(count).repeat_interleave(length).unsqueeze(0)
        middle = ((torch.arange(length) + 0.5) / length).repeat(count).unsqueeze(0)
        z = torch.randn(1, model.noise_size, generator=rng)
        return z, reading(*asked)[0], asked[2], belongs, middle

    return [
        Graph("read", reading, said, [codes, frames], units),
        Graph("speak", SpokenMel(model).eval(), [noise, codes, said[2], unit, place], [log_mel(facts.heard)], spoken),
    ]
