"""The process that draws for all viewers: it alone loads torch, and is kind to what trains beside it.

What it draws are the very bytes of the files that `poise sample` and `poise say` write at the same settings.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from poise.data.text.text import on_one_line
from poise.errors import PoiseError
from poise.recipes.common.recipe import NoisePlace
from poise.record import RunFolder
from poise.report.audio import wav_of
from poise.report.picture import grid, png
from poise.serve.answers import without_places
from poise.serve.asked import Value

if TYPE_CHECKING:
    from poise.runs.load import Run

RUNS, DRAWS = 2, 4  # that are kept
KIND = 5  # how much nicer than the server
NOT_ASKED = ("step", "n", "seed", "at")  # what is not an option of a recipe
Asked = Mapping[str, Value]


@dataclass(frozen=True)
class Wish:
    """One thing to draw: the folder of a run, the number of its checkpoint and what tells it from another of that
    number, what is drawn, and how."""

    run: Path
    step: int
    stamp: int
    what: str
    asked: Asked = field(default_factory=dict)


class Draw(NamedTuple):
    """`n` samples of a `seed`, with `options` of the recipe; `at`: the place of the one that is wanted."""

    n: int
    seed: float
    at: int | None
    options: Mapping[str, Value]

    @classmethod
    def of(cls, asked: Asked) -> Draw:
        at = asked.get("at")
        options = {name: value for name, value in asked.items() if name not in NOT_ASKED}
        return cls(int(asked["n"]), float(asked["seed"]), None if at is None else int(at), options)

    @property
    def samples(self) -> tuple[object, ...]:
        """What tells these samples from others of the same run."""
        return self.n, self.seed, tuple(sorted(self.options.items()))


class Studio:
    """Draws; keeps the last `RUNS` runs that it loaded, and the last `DRAWS` lots of samples."""

    def __init__(self) -> None:
        self.runs: OrderedDict[tuple[Path, int, int], Run] = OrderedDict()
        self.draws: OrderedDict[object, Any] = OrderedDict()

    def drawn(self, wish: Wish) -> bytes:
        """The content of a file. Errors: PoiseError."""
        run = self._run(wish)
        asked = wish.asked
        if wish.what in ("way.png", "between.png"):
            return _on_the_way(wish.what, run, asked)
        if wish.what == "say.wav":
            voice = asked.get("voice")
            said = str(asked["text"]).strip()
            wave = run.say(said, None if voice is None else str(voice), int(asked["seed"]), float(asked["speed"]))
            return wav_of(wave.samples, wave.rate, Path("say.wav"))
        draw = Draw.of(asked)
        if wish.what in ("grid.png", "picture.png"):
            return self._pictures(wish, run, draw)
        if wish.what == "sentences.txt":
            lines = run.sample(draw.n, int(draw.seed), **draw.options)
            return "".join(f"{on_one_line(line)}\n" for line in lines).encode()
        return self._sounds(wish, run, draw)

    def _run(self, wish: Wish) -> Run:
        from poise.runs.load import Run

        key = (wish.run, wish.step, wish.stamp)
        if key not in self.runs:
            folder = RunFolder(wish.run)
            folder.check()
            while len(self.runs) >= RUNS:
                self.runs.popitem(last=False)
            found = Run(folder, wish.step)
            assert found.generator is not None  # loaded now, and refused now where it is code of others
            self.runs[key] = found
        self.runs.move_to_end(key)
        return self.runs[key]

    def _kept(self, key: object, make: Callable[[], Any]) -> Any:
        if key not in self.draws:
            self.draws[key] = make()
            while len(self.draws) > DRAWS:
                self.draws.popitem(last=False)
        self.draws.move_to_end(key)
        return self.draws[key]

    def _pictures(self, wish: Wish, run: Run, draw: Draw) -> bytes:
        made = self._kept((wish.run, wish.step, wish.stamp, draw.samples), lambda: _samples(run, draw))
        return bytes(png(grid(made) if draw.at is None else alone(made[draw.at])))

    def _sounds(self, wish: Wish, run: Run, draw: Draw) -> bytes:
        from poise.recipes.vocoder.sounds import title_of

        at, key = draw.at or 0, (wish.run, wish.step, wish.stamp, draw.samples)
        made = self._kept(key, lambda: run.sample(draw.n, int(draw.seed), **draw.options))
        if wish.what == "clips.json":
            return json.dumps([title_of(wave, i)[:200] for i, wave in enumerate(made)], ensure_ascii=False).encode()
        if at >= len(made):
            raise PoiseError(f"at {at} is none of the {len(made)} that there are")
        return wav_of(made[at].samples, made[at].rate, Path("clip.wav"))


def alone(picture: Any) -> Any:
    """One picture uint8 [H,W,C] as `poise sample --out FOLDER` writes it, with the transparency that it has."""
    from PIL import Image

    return Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)


def _samples(run: Run, draw: Draw) -> Any:
    """Pictures of a seed; of one with decimals, those on the way from the noise of that seed to that of the next."""
    if draw.seed.is_integer():
        return run.sample(draw.n, int(draw.seed), **draw.options)
    more = dict(draw.options)
    label = more.pop("label", None)
    places = [_place(draw.seed, i, label) for i in range(draw.n)]
    return run.walk(places, places, [0.0], **more)[:, 0]


def _on_the_way(what: str, run: Run, asked: Asked) -> bytes:
    start, end = (_place(float(asked[e]), int(asked[f"{e}_at"]), asked.get(f"{e}_label")) for e in ("from", "to"))
    more = {name: asked[name] for name in ("truncation", "latents") if name in asked}
    if what == "between.png":
        return png(alone(run.walk([start], [end], [float(asked["share"])], **more)[0, 0]))
    count = int(asked["between"])
    made = run.walk([start], [end], [i / (count - 1) for i in range(count)], **more)[0]
    return png(grid(made, columns=count))


def _place(seed: float, index: int, label: object) -> NoisePlace:
    first = int(seed)
    return NoisePlace(first, index, round(seed - first, 2), None if label is None else str(label))


def work(connection: Connection, idle: float) -> None:
    """Draw what is wished for until nobody listens or wishes for so many seconds; answers: whether it worked, and the
    content or a sentence."""
    with contextlib.suppress(AttributeError, OSError):
        os.nice(KIND)
    studio = Studio()
    with contextlib.suppress(EOFError, OSError):
        while connection.poll(idle):
            wish = connection.recv()
            connection.send(answer(studio, wish))


def answer(studio: Studio, wish: Wish) -> tuple[bool, bytes]:
    """What was drawn, or in one sentence why not."""
    try:
        return True, studio.drawn(wish)
    except PoiseError as error:
        said = _told(wish, str(error))
    except MemoryError:
        said = "there is not enough memory to draw this"
    except Exception as error:  # whatever it is: the process goes on for the others
        reason = _told(wish, (str(error).splitlines() or [""])[0])[:100]
        said = f"it could not be drawn ({type(error).__name__}: {reason})"
    return False, said.encode("utf-8", "replace")


def _told(wish: Wish, said: str) -> str:
    """The same without places on this machine: of the run, of its data."""
    return without_places(said.replace(str(wish.run), wish.run.name))
