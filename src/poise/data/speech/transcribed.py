"""Draw number -> recordings with what is said in them, as a pure function of (seed, draw)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from poise.audio.spectrograms import Mel
from poise.audio.speech_conditions import packed
from poise.core import Batch
from poise.data.draws.order import SPLITS, Order, moved
from poise.data.speech.recordings import Recordings
from poise.errors import PoiseError

_START = 2  # what the bits are for: see `stream`


class TranscribedStream:
    """Whole recordings, each once per epoch, in an order that is new in each.

    `real` is float32 [B,1,S], waves of whole frames with silence behind the end, S that of the longest; `cond` what is
    said (`audio.speech_conditions`): the frames of an item are those of its wave, its units have none yet, or with
    `whole` the first unit has all, and row 0 says where a segment of `segment` frames begins, 0 where the item is
    shorter.

    Args: recordings; units_of, units [L,2] of each recording; mel; rows, those to draw from; batch; seed; device;
    split, its name; whole; segment.
    Errors: PoiseError for a batch larger than the rows.
    """

    def __init__(
        self,
        recordings: Recordings,
        units_of: Sequence[np.ndarray],
        mel: Mel,
        rows: np.ndarray,
        batch: int,
        seed: int,
        device: str | torch.device = "cpu",
        split: str = "train",
        whole: bool = False,
        segment: int = 0,
    ) -> None:
        if not 1 <= batch <= len(rows):
            raise PoiseError(
                f"--batch {batch} is not possible with the {len(rows):,} recordings of {recordings.name} that are "
                f"{'to train on' if split == 'train' else 'held out'}: give a batch from 1 to {len(rows):,}"
            )
        self.recordings, self.units_of, self.mel, self.batch = recordings, units_of, mel, batch
        self.device, self.whole, self.segment = torch.device(device), whole, segment
        self._order = Order(rows, batch, (seed, SPLITS.index(split)))
        self._samples = np.asarray(recordings.samples)

    def __call__(self, draw: int) -> Batch:
        rows = self._order.rows(draw)
        cond = conditions(self.recordings, self.units_of, self.mel, rows, self.whole)
        frames = cond[:, 0, 1].numpy()
        if self.segment:
            u = (self._order.bits(_START, draw).random_raw(len(rows)) >> np.uint64(11)) / 2.0**53
            room = np.maximum(frames - self.segment, 0) + 1
            cond[:, 0, 2] = torch.from_numpy(np.minimum((u * room).astype(np.int64), room - 1))
        out = np.zeros((len(rows), int(frames.max()) * self.mel.hop), np.int16)
        for place, row in enumerate(rows.tolist()):
            start, count = int(self.recordings.starts[row]), int(frames[place]) * self.mel.hop
            out[place, :count] = self._samples[start : start + count]
        real = moved(torch.from_numpy(out), self.device).to(torch.float32).div_(32_768)
        return Batch(real[:, None], moved(cond, self.device))


def conditions(
    recordings: Recordings, units_of: Sequence[np.ndarray], mel: Mel, rows: np.ndarray, whole: bool
) -> Tensor:
    """The condition of each of these recordings: int64 [B,1+L,3]."""
    frames = (recordings.starts[rows + 1] - recordings.starts[rows]) // mel.hop
    units = np.zeros((len(rows), max(len(units_of[row]) for row in rows.tolist()), 2), np.int64)
    for place, row in enumerate(rows.tolist()):
        units[place, : len(units_of[row])] = units_of[row]
    each = np.zeros(units.shape[:2], np.int64)
    if whole:
        each[:, 0] = frames
    voice, total = torch.from_numpy(recordings.voice[rows]), torch.from_numpy(frames.astype(np.int64))
    return packed(
        voice, torch.from_numpy(units[..., 0]), torch.from_numpy(units[..., 1]), torch.from_numpy(each), total
    )


class MelOf:
    """The same draws of a `TranscribedStream` with log-mels as `real`: float32 [B,M,F].

    Behind the end of an item its last windows fade, and then there is the lowest value.
    """

    def __init__(self, stream: Any) -> None:
        self.stream, self.device = stream, stream.device

    def __call__(self, draw: int) -> Batch:
        batch = self.stream(draw)
        return Batch(self.stream.mel(batch.real), batch.cond)
