"""How fast a run is, and how long it still takes."""

from __future__ import annotations

import time


def clock(seconds: float) -> str:
    """3:07, 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def rough(seconds: float) -> str:
    """A time that was estimated: 80 s, 34 min, 2.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class Pace:
    """Steps a second over the last minute or so, and the time that is left."""

    def __init__(self, done: int, total: int) -> None:
        self.total = total
        self.marks = [(time.monotonic(), done)]

    def at(self, made: int) -> tuple[float, float]:
        now = time.monotonic()
        if now - self.marks[-1][0] > 1:
            self.marks = [*self.marks[-60:], (now, made)]
        elapsed, steps = now - self.marks[0][0], made - self.marks[0][1]
        speed = steps / elapsed if elapsed > 0 and steps else 0.0
        return speed, (self.total - made) / speed if speed else float("nan")
