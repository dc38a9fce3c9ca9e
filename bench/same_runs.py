"""What bench/same.py runs: for each name a recipe, and commands whose words come after `python -m poise`.

Everything is tiny, made up or in a package that is installed, and computed by one thread: an entry takes twenty to
forty seconds. Every entry has a folder of its own, in which its commands are run, so that paths are short, relative and
the same on both sides; `data/` in it holds what `write_data` writes.
"""

from __future__ import annotations

import random
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

RATE = 8000
STUDY = """\
name: small
question: Does L2 make the generator's weights smaller?
against: none
recipe: images
seeds: 0..2
arguments: {data: digits, steps: 12, batch: 16, noise: 8, generator: {width: 4}, discriminator: {width: 4},
            log_every: 2, sample_every: 12, checkpoint_every: 6, scores: 1, score_samples: 50, precision: fp32,
            device: cpu, threads: 1}
arms:
  none: {l2_generator: 0}
  strong: {l2_generator: 0.1}
endpoints:
  KID: {score: KID-EffLite0, at: end, better: lower, margin: 10%}
  norm: {mean: generator/norm, over: last half, better: lower}
claims:
  - says: L2 makes the weights smaller
    tests: [{endpoint: norm, arm: strong, expect: lower}]
"""


@dataclass(frozen=True)
class Command:
    """Words for Poise, the exit code that is right, and the recorded step after which the process gets SIGINT."""

    words: tuple[str, ...]
    code: int = 0
    stop_in: str = ""  # the run to watch
    stop_at: int = 0


@dataclass(frozen=True)
class Entry:
    recipe: str
    commands: tuple[Command, ...]


def command(words: str, code: int = 0) -> Command:
    return Command(tuple(words.split()), code)


def sound(letters: str, hertz: float, rng: np.random.Generator) -> np.ndarray:
    """A stretch of 60 to 84 ms for each letter: harmonics of a pitch with a formant of its own, and some hiss."""
    pieces = []
    for i, letter in enumerate(letters):
        t = np.arange(round(0.06 * RATE * (1 + 0.2 * (i % 3)))) / RATE
        centre = 300 + 180 * (ord(letter) % 16)
        piece = np.zeros(len(t))
        for k in range(1, int(RATE / 2 / hertz)):
            piece += np.exp(-(((k * hertz - centre) / 300) ** 2)) * np.sin(2 * np.pi * k * hertz * t)
        pieces.append(piece)
    whole = np.concatenate(pieces)
    return 0.3 * whole + 0.003 * rng.standard_normal(len(whole))


def write_wave(path: Path, samples: np.ndarray) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


def write_syllables(folder: Path) -> None:
    """{voice}/{syllable}.wav: two voices, 24 syllables in two tones, about 0.2 s each."""
    rng = np.random.default_rng(0)
    for voice, hertz in (("low", 120.0), ("high", 210.0)):
        (folder / voice).mkdir(parents=True)
        for initial in "mnldbg":
            for final in "aiue":
                tone = 1 + (ord(initial) + ord(final)) % 2
                samples = sound(initial + 2 * final, hertz * (1 + 0.2 * tone), rng)
                write_wave(folder / voice / f"{initial}{final}{tone}.wav", samples)


def write_sentences(folder: Path) -> None:
    """metadata.csv beside 72 files of two short words each, about 0.4 s."""
    rng = np.random.default_rng(1)
    folder.mkdir()
    lines = ["file|text"]
    for i in range(72):
        words = ["".join(rng.choice(list("abdeghilmnorstu"), 3)) for _ in range(2)]
        write_wave(folder / f"{i:02d}.wav", sound("".join(words), 150.0, rng))
        lines.append(f"{i:02d}|{' '.join(words)}")
    (folder / "metadata.csv").write_text("".join(f"{line}\n" for line in lines))


def write_grammar(path: Path) -> None:
    """300 different sentences such as "the old cat sees the dog ."."""
    rng = random.Random(0)

    def phrase() -> str:
        adjective = rng.choice(("", "", "small ", "old ", "red "))
        return f"the {adjective}{rng.choice(('cat', 'dog', 'bird', 'king', 'queen'))}"

    found: dict[str, None] = {}
    while len(found) < 300:
        more = f" and {rng.choice(('sees', 'likes'))} {phrase()}" if rng.random() < 0.3 else ""
        found[f"{phrase()} {rng.choice(('sees', 'likes', 'hears'))} {phrase()}{more} ."] = None
    path.write_text("".join(f"{sentence}\n" for sentence in found))


def write_data(folder: Path) -> None:
    """All the data that an entry may name."""
    folder.mkdir(parents=True)
    write_syllables(folder / "syllables")
    write_sentences(folder / "sentences")
    write_grammar(folder / "grammar.txt")
    (folder / "study.yaml").write_text(STUDY)


ONE_THREAD = "--precision fp32 --device cpu --threads 1"
PICTURES = (
    f"digits --batch 16 --log-every 4 --sample-every 12 --checkpoint-every 8 --scores 2 --score-samples 50 {ONE_THREAD}"
)
PLAYERS = "--noise 8 --generator.width 4 --discriminator.width 4"
HEARD = (
    f"--rate 8000 --window 64 --hop 16 --bands 8 --heldout 0.3 --segment 320 --batch 4 --log-every 2 "
    f"--checkpoint-every 3 --sample-every 100 --scores 1 --score-samples 4 {ONE_THREAD} "
    f"--generator.width 4 --generator.depth 1 --discriminator.width 2"
)
SPOKEN = (
    "--warm-steps 4 --steps 3 --vocoder-warm-steps 3 --vocoder-steps 3 --joint-steps 3 --generator.noise 2 "
    "--vocoder.width 4 --vocoder.depth 1 --vocoder-discriminator.width 2"
)
WRITTEN = f"data/grammar.txt --log-every 3 --checkpoint-every 5 --scores 2 {ONE_THREAD}"
TOWARDS = "penalties+=L2Towards --{0}.penalties.reference=average --{0}.penalties.strength=0.01"


def entry(recipe: str, train: str, again: int, *uses: str) -> Entry:
    """Train, look at the run in every way, and go on with a copy of it from a checkpoint of at most step `again`."""
    words = (
        f"train {recipe} {train} --out whole",
        *uses,
        "diagnose whole",
        "diagnose whole --json",
        f"resume again --from-step {again}",
        "runs diff whole again",
    )
    return Entry(recipe, tuple(map(command, words)))


def stopped(recipe: str, train: str, step: int) -> tuple[Command, ...]:
    """A run that gets SIGINT and goes on; what it ends with does not depend on where it was stopped."""
    words = tuple(f"train {recipe} {train} --out parts".split())
    return Command(words, 130, "parts", step), command("resume parts")


SAMPLE = "sample whole -n 16 --seed 3 --out more.png"
R1 = "--discriminator.penalties+=R1 --discriminator.penalties.gamma=0.1 --discriminator.penalties.every=2"
STOPPED = (
    f"{PICTURES} {PLAYERS} --steps 64 {R1} --l2-generator cosine:1e-2:1e-4 --l2-discriminator 1e-3 --loss hinge "
    "--discriminator.turns 2 --discriminator.clip 1"
)
CLASSES = (
    f"{PICTURES} {PLAYERS} --steps 24 --conditional true --labels file --augment color,translation,cutout --flip true "
    f"--micro-batches 2 --ema 0.9 --network residual --loss relativistic --discriminator.spectral true "
    f"--l2-generator 1e-3 --l2-discriminator 1e-4 --generator.{TOWARDS.format('generator')}"
)
ENTRIES = {
    "images": entry(
        "images",
        f"{PICTURES} {PLAYERS} --steps 24 --l2-generator 3e-3 --l2-discriminator 1e-4",
        16,
        SAMPLE,
        "evaluate whole -n 60",
    ),
    "images-r1": Entry("images", (*stopped("images", STOPPED, 8), command("diagnose parts"))),
    "images-classes": entry(
        "images", CLASSES, 16, SAMPLE, "sample whole -n 9 --label 3 --out three.png", "evaluate whole -n 60"
    ),
    "vae": entry(
        "vae",
        f"{PICTURES} --steps 24 --latent-size 4 --autoencoder.width 2 --latents mixture --beta warmup:1:10 "
        f"--l2-encoder 1e-2 --l2-decoder 1e-3",
        16,
        SAMPLE,
        "sample whole -n 16 --latents prior --out prior.png",
        "evaluate whole -n 60",
    ),
    "vae-gan": entry(
        "vae",
        f"{PICTURES} --steps 24 --objective vae_gan --latent-size 4 --autoencoder.width 2 --discriminator.width 2 "
        f"--l2-discriminator 1e-3 {R1}",
        16,
        SAMPLE,
        "evaluate whole -n 60",
    ),
    "text": entry(
        "text",
        f"{WRITTEN} --warm-steps 7 --critic-steps 4 --steps 9 --batch 8 --generator.embed 4 --generator.hidden 6 "
        f"--discriminator.embed 4 --discriminator.hidden 6 --discriminator.width 3 --score-samples 20 "
        f"--l2-embedding 1e-3",
        12,
        "sample whole -n 16 --seed 3 --out more.txt",
        "sample whole -n 8 --temperature 0.7 --top-k 5 --start the --out start.jsonl",
        "evaluate whole",
        "curve whole -n 30 --temperatures 0.8,1",
    ),
    "text-reinforce": entry(
        "text",
        f"oracle --share 0.01 --log-every 3 --checkpoint-every 5 --scores 1 {ONE_THREAD} --estimator reinforce "
        f"--network gru --loss nonsaturating --warm-steps 5 --critic-steps 3 --steps 8 --batch 8 --generator.embed 4 "
        f"--generator.hidden 6 --discriminator.embed 4 --discriminator.hidden 6 --discriminator.width 3 "
        f"--score-samples 20 --l2-generator 1e-3 {R1}",
        10,
        "sample whole -n 16 --seed 3 --out more.txt",
    ),
    "language": entry(
        "language",
        f"{WRITTEN} --steps 18 --batch 4 --window 6 --model.embed 4 --model.hidden 6 --model.cell gru --model.layers 2 "
        f"--model.tied false --model.dropout-embedding 0.1 --model.dropout-output 0.3 --model.weight-drop 0.3 "
        f"--ar linear:2:1 --tar 1 --l2-recurrent cosine:1e-2:1e-4 --l2-output 1e-3 --l2-embedding 1e-3 "
        f"--model.{TOWARDS.format('model')}",
        16,
        "sample whole -n 16 --seed 3 --out more.txt",
        "evaluate whole",
    ),
    "vocoder": entry(
        "vocoder",
        f"data/sentences {HEARD} --warm-steps 4 --steps 5",
        8,
        "sample whole -n 2 --out more",
        "vocode whole data/sentences/00.wav -o said.wav",
        "evaluate whole --metrics MCD,MR-STFT",
    ),
    "vocoder-hifigan": entry(
        "vocoder",
        f"data/sentences {HEARD} --warm-steps 4 --steps 5 --network hifigan --generator.norm weight --critic period "
        f"--discriminator.norm spectral --mel linear:1:3 --l2-generator 1e-2 --micro-batches 2 "
        f"--discriminator.{TOWARDS.format('discriminator')}",
        8,
        "vocode whole data/sentences/00.wav -o said.wav",
    ),
    "speech": entry(
        "speech",
        f"data/syllables {HEARD} {SPOKEN} --labels {{voice}}/{{text}}",
        14,
        "sample whole -n 2 --out more",
        "say whole ma1 --voice low -o said.wav",
    ),
    "speech-sentences": entry(
        "speech",
        f"data/sentences {HEARD} {SPOKEN} --discriminator.norm weight --vocoder-network hifigan --loss relativistic "
        f"--micro-batches 2 --l2-vocoder 1e-3",
        14,
        "say whole bad -o said.wav",
        "evaluate whole --metrics MCD,MR-STFT",
    ),
    "study": Entry(
        "study",
        (
            command("study data/study.yaml --dry-run"),
            command("study data/study.yaml --out small --workers 1"),
            command("study data/study.yaml --out small --report"),
        ),
    ),
    "data": Entry(
        "data",
        tuple(
            command(f"data check {what}") for what in ("digits", "data/grammar.txt", "data/syllables", "data/sentences")
        ),
    ),
}
