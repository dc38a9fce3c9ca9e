"""Playing with a run: one process draws for all viewers, one wish after the other; torch is loaded with the first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import asdict

from poise.errors import PoiseError
from poise.record import RunFolder
from poise.serve.abilities import Abilities, abilities_of
from poise.serve.answers import Reply, plain, version_of
from poise.serve.apart import Apart, Painter, TooMany
from poise.serve.asked import KNOWN, TYPES, Value, read
from poise.serve.drawing import Wish
from poise.serve.views import Views

WAITING = 8  # viewers that wait for a drawing, the one for whom it is drawn among them
ANSWERS, BYTES = 64, 32_000_000  # drawings that are kept, and how much of them
HEAVIEST = 1_000_000_000  # bytes of the weights of a run that is loaded
OPTIONS = ("truncation", "latents", "label", "voice")  # that some recipes and runs do not have
PIXELS = 64 * 256 * 256  # of one drawing


class DrawnRuns:
    """Draws with the runs of a folder. Args: views, the runs; painter, what draws (default: a process of its own)."""

    def __init__(self, views: Views, painter: Painter | None = None) -> None:
        self.views, self.painter = views, painter or Apart()
        self._places, self._one = threading.BoundedSemaphore(WAITING), threading.Lock()
        self._answers: OrderedDict[object, bytes] = OrderedDict()
        self._guard = threading.Lock()

    def abilities(self, name: str) -> Reply:
        """What the run of a name can. Errors: PoiseError where there is none."""
        folder = self.views.folder(name)

        def made(before: Reply | None) -> Reply:
            found = plain(asdict(abilities_of(folder)))
            return Reply(found, version_of(found))

        return self.views.answers.given(f"play {name}", made)

    def drawn(self, name: str, what: str, query: list[tuple[str, str]]) -> tuple[bytes, str]:
        """A drawing and its type. Errors: PoiseError, TooMany among them."""
        folder = self.views.folder(name)
        if what not in KNOWN:
            raise PoiseError(f"there is no drawing {what[:40]!a}: there are {', '.join(KNOWN)}")
        asked = read(what, query)
        able = abilities_of(folder)
        if able.trouble:
            raise PoiseError(able.trouble)
        if what not in able.draws:
            raise PoiseError(f"{folder.name} is a run of {able.recipe}, which draws no {what}")
        wish = _wish(folder, what, asked, able)
        return self._made(wish), TYPES[what.rpartition(".")[2]]

    def _made(self, wish: Wish) -> bytes:
        key = (wish.run, wish.step, wish.stamp, wish.what, tuple(sorted(wish.asked.items())))
        if (known := self._known(key)) is not None:
            return known
        if not self._places.acquire(blocking=False):
            raise TooMany("others are drawing; try again")
        try:
            with self._one:
                if (known := self._known(key)) is not None:  # somebody has waited for the same
                    return known
                worked, content = self.painter.draw(wish)
        finally:
            self._places.release()
        if not worked:
            raise PoiseError(content.decode())
        self._keep(key, content)
        return content

    def _known(self, key: object) -> bytes | None:
        with self._guard:
            if key in self._answers:
                self._answers.move_to_end(key)
            return self._answers.get(key)

    def _keep(self, key: object, content: bytes) -> None:
        with self._guard:
            self._answers[key] = content
            while len(self._answers) > ANSWERS or sum(map(len, self._answers.values())) > BYTES:
                self._answers.popitem(last=False)


def _wish(folder: RunFolder, what: str, asked: dict[str, Value], able: Abilities) -> Wish:
    """What is to be drawn, once it is known to be there and not too large."""
    given = str(asked.pop("step"))
    step = able.steps[-1] if given == "last" else int(given)
    if step not in able.steps:
        raise PoiseError(f"{folder.name} keeps no checkpoint of step {step}; it has {', '.join(map(str, able.steps))}")
    for name in asked:
        option = name.removeprefix("from_").removeprefix("to_")
        if option in OPTIONS and option not in able.asks:
            raise PoiseError(f"{name} does nothing for {folder.name}, a run of {able.recipe}: leave it out")
    if able.size and int(asked.get("n", asked.get("between", 1))) * able.size[-1] * able.size[-2] > PIXELS:
        raise PoiseError(f"pictures of {able.size[-1]}x{able.size[-2]} are large: ask for fewer at a time")
    stamp, weights = _looked_at(folder, step)
    if asked.pop("made", str(stamp)) != str(stamp):
        raise PoiseError(f"{folder.name} has another checkpoint of step {step} by now: draw again")
    if weights > HEAVIEST:
        raise PoiseError(
            f"{folder.name} has {weights / 1e9:.1f} GB of weights, too much to draw with here: use poise sample"
        )
    return Wish(folder.path, step, stamp, what, asked)


def _looked_at(folder: RunFolder, step: int) -> tuple[int, int]:
    """What tells a checkpoint from another of its step, and the bytes of the weights that draw."""
    place = folder.checkpoints / f"step-{step:08d}"
    try:
        weights = sum(path.stat().st_size for path in place.glob("*.ema.safetensors"))
        return (place / "manifest.json").stat().st_mtime_ns, weights
    except OSError:
        raise PoiseError(f"{folder.name} keeps no checkpoint of step {step} any more") from None
