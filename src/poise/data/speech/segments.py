"""Draw number -> segments of recordings, all of one length, as a pure function of (seed, draw)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from poise.core import Batch
from poise.data.draws.order import SPLITS, Order, moved, present
from poise.data.speech.recordings import Recordings
from poise.errors import PoiseError

_START = 2  # what the bits are for: see `stream`


class SegmentStream:
    """Segments of `samples` samples, of which an epoch has about as many as the clips of the split are long.

    A clip of length L is there n = max(1, round(L / samples)) times in each epoch, in an order that is new in each. Its
    segment k = 0 .. n − 1 begins at (k + u) / n · L − samples / 2, rounded, but not before the clip and not so late
    that it would end beyond it, with u uniform in [0, 1) from the bits of Philox for (seed, draw). So the samples
    of all clips are seen equally often but for those near the ends of a clip, which are seen ½ to 1½ times as often;
    with segments that begin uniformly within a clip the very ends would hardly be seen. A clip that is shorter than a
    segment is padded with zeros at its end.

    Args: recordings; batch; samples; seed; device; split, "train" or "heldout"; context, so many samples more on either
    side, zeros outside of the clip.
    Gives `Batch` with real float32 [B, 1, samples + 2·context] in [−1, 1) on `device`, and cond None.
    Errors: PoiseError for a batch larger than an epoch, numbers that cannot be, a split that is unknown or empty, or a
    device that is absent.
    """

    def __init__(
        self,
        recordings: Recordings,
        batch: int,
        samples: int,
        seed: int,
        device: str | torch.device = "cpu",
        split: str = "train",
        context: int = 0,
    ) -> None:
        if split not in SPLITS:
            raise PoiseError(f"split '{split}' is not known: give train or heldout")
        if samples < 1:
            raise PoiseError(f"--samples {samples} is not possible: give 1 or more")
        if context < 0:
            raise PoiseError(f"a context of {context} samples is not possible: give 0 or more")
        if seed < 0:
            raise PoiseError(f"--seed {seed} is not possible: give 0 or more")
        rows = recordings.train if split == "train" else recordings.heldout
        self.clips, self.part, self.parts = _table(recordings, rows, samples)
        _check(recordings.name, batch, len(self.clips), split)
        self.recordings, self.batch, self.samples, self.seed, self.context = recordings, batch, samples, seed, context
        self.device = present(device)
        self._order = Order(np.arange(len(self.clips)), batch, (seed, SPLITS.index(split)))
        self._samples = np.asarray(recordings.samples)  # the same memory map, without its cost at each indexing

    def __len__(self) -> int:
        """Segments in one epoch."""
        return len(self.clips)

    def __call__(self, draw: int) -> Batch:
        """Draw number `draw` (0 or more)."""
        rows, starts = self.places(draw)
        edges = self.recordings.starts
        wide = self.samples + 2 * self.context
        out = np.zeros((self.batch, wide), np.int16)
        for place, (row, start) in enumerate(zip(rows.tolist(), starts.tolist(), strict=True)):
            clip, first = int(edges[row]), int(edges[row]) + start - self.context
            low, high = max(first, clip), min(first + wide, int(edges[row + 1]))
            out[place, low - first : high - first] = self._samples[low:high]
        real = moved(torch.from_numpy(out), self.device).to(torch.float32).div_(32_768)
        return Batch(real[:, None])

    def places(self, draw: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows of the recordings in draw number `draw`, and where in the clip each segment begins: int64 [B] each."""
        picks = self._order.rows(draw)
        rows = self.clips[picks]
        lengths = self.recordings.starts[rows + 1] - self.recordings.starts[rows]
        u = (self._order.bits(_START, draw).random_raw(self.batch) >> np.uint64(11)) / 2.0**53
        middles = (self.part[picks] + u) / self.parts[picks] * lengths
        starts = np.floor(middles - self.samples / 2 + 0.5).astype(np.int64)
        return rows, np.clip(starts, 0, np.maximum(lengths - self.samples, 0))


def _table(
    recordings: Recordings, rows: NDArray[np.int64], samples: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Of each segment of an epoch: the row of its clip, which segment of the clip it is, and how many the clip has."""
    lengths = recordings.starts[rows + 1] - recordings.starts[rows]
    counts = np.maximum((2 * lengths + samples) // (2 * samples), 1)
    parts = np.repeat(counts, counts)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(rows, counts), np.arange(len(parts)) - first, parts


def _check(name: str, batch: int, count: int, split: str) -> None:
    what = "to train on" if split == "train" else "held out"
    if not count:
        raise PoiseError(f"{name} has no clips that are {what}: give --heldout a share above 0, such as 0.1")
    if not 1 <= batch <= count:
        raise PoiseError(
            f"--batch {batch} is not possible with the {count:,} segments of {name} that are {what}: give a batch from "
            f"1 to {count:,}"
        )
