"""Draw number -> minibatch of text, as a pure function of (seed, draw): sentences, or windows of one long text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from poise.core import Batch
from poise.data.draws.order import SPLITS, Order, moved
from poise.data.tokenizers.alphabet import END
from poise.errors import PoiseError

_SHIFT = 2  # what the bits are for, beside those of `Order`


class SentenceStream:
    """Minibatches of sentences, each once per epoch. `real` int64 [B,T], filled with END.

    Args: table, ids [N,T] of one split; batch; seed; split, its name; device. PoiseError for a batch larger than N.
    """

    def __init__(
        self, table: np.ndarray, batch: int, seed: int, device: str | torch.device = "cpu", split: str = "train"
    ) -> None:
        if not 1 <= batch <= len(table):
            raise PoiseError(
                f"--batch {batch} is not possible with {len(table):,} sentences "
                f"{'to train on' if split == 'train' else 'held out'}: give a batch from 1 to {len(table):,}"
            )
        self.table, self.batch, self.device = (
            torch.from_numpy(np.ascontiguousarray(table, np.int64)),
            batch,
            torch.device(device),
        )
        self._order = Order(np.arange(len(table)), batch, (seed, SPLITS.index(split)))

    def __call__(self, draw: int) -> Batch:
        return Batch(moved(self.table[torch.from_numpy(self._order.rows(draw))], self.device))


class WindowStream:
    """Windows of one long text, read by B readers at once, each going on where its last window ended.

    The text of N units is a ring. In each epoch reader b starts at unit b·N/B plus a shift that is new in each epoch,
    and reads N/B units in windows of T; the rest of less than a window is left to the next epoch's shift. `real` int64
    [B,T+1] overlaps by one unit: the first T are read, the last T are guessed. `cond` bool [B] is true in the first
    window of an epoch, where nobody goes on.

    Args: text, ids [N]; batch B; window T; seed; device. PoiseError where the text is too short for one window each.
    """

    def __init__(
        self, text: np.ndarray, batch: int, window: int, seed: int, device: str | torch.device = "cpu"
    ) -> None:
        if batch < 1 or window < 1:
            raise PoiseError(f"--batch and --window must be at least 1, not {batch} and {window}")
        self.text = torch.from_numpy(np.ascontiguousarray(text, np.int64))
        self.batch, self.window, self.seed, self.device = batch, window, seed, torch.device(device)
        self.windows = len(text) // batch // window  # in an epoch
        if self.windows < 1:
            raise PoiseError(
                f"--batch {batch} of --window {window} needs {batch * window:,} units, and the training text has "
                f"{len(text):,}: give a smaller --batch or --window"
            )
        # Where the units of the first window lie, before the shift, [B,T+1]; and who begins anew: nobody, or everybody.
        self._first = torch.arange(batch).unsqueeze(1) * (len(text) // batch) + torch.arange(window + 1)
        self._anew = torch.zeros(batch, dtype=torch.bool), torch.ones(batch, dtype=torch.bool)
        self._shift: tuple[int, int] = (-1, 0)  # of an epoch: epoch, units

    def shift(self, epoch: int) -> int:
        """Where reader 0 starts in an epoch. The last one is kept: a step is short enough for it to be seen."""
        if self._shift[0] != epoch:
            seed = np.random.SeedSequence((self.seed, _SHIFT, epoch))
            self._shift = epoch, int(np.random.Philox(seed).random_raw() % len(self.text))
        return self._shift[1]

    def __call__(self, draw: int) -> Batch:
        epoch, place = divmod(draw, self.windows)
        at = (self._first + (self.shift(epoch) + place * self.window)) % len(self.text)
        return Batch(moved(self.text[at], self.device), moved(self._anew[place == 0], self.device))


def joined(sentences: Sequence[np.ndarray]) -> np.ndarray:
    """Sentences as one text, each followed by END: int64 [N]."""
    end = np.array([END], np.int64)
    return np.concatenate([part for ids in sentences for part in (np.asarray(ids, np.int64), end)] or [end[:0]])
