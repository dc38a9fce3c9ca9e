"""What is measured while a game of pairs is trained: each generated item has a real one that it should be.

To be near its real item is what such a generator is asked for, so distances to training items say nothing of copying.
Instead of the signals of diversity and copying, the record has

    generator/distance_training   mean distance of generated items to their real ones, where those were trained on
    generator/distance_heldout    the same of held-out ones
    generator/distance_gap        held-out minus training: the generator's own overfitting
    generator/shown_distance_...  the same three of the averaged generator, which is what a user hears; at each fourth
                                  probe

and what D says of generated items is of the held-out ones, if there are any.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from poise.core import Batch
from poise.monitor.findings.windows import SHOWN_EVERY
from poise.monitor.signals import AdversarialMonitor, MonitorInputs


class PairedMonitor(AdversarialMonitor):
    """Args: watched, with `references` left empty; distance, of a batch and what was generated for it: -> [n]."""

    def __init__(self, watched: MonitorInputs, distance: Callable[[Batch, Tensor], Tensor]) -> None:
        self.distance = distance
        super().__init__(watched)

    def _signals(self, probe: int) -> dict[str, float]:
        batches = {name: stream(probe) for name, stream in self.watched.streams.items()}
        made = {name: self._made(self.watched.generator, batch) for name, batch in batches.items()}
        last = "heldout" if "heldout" in made else "training"
        seen = {**batches, "generated": Batch(made[last], batches[last].cond)}
        found = self._distances("", batches, made)
        if probe % SHOWN_EVERY == 0:
            shown = {name: self._made(self.watched.averaged, batch) for name, batch in batches.items()}
            found |= self._distances("shown_", batches, shown)
        of_d = self._of_d({name: self._logits(batch) for name, batch in seen.items()})
        return of_d | found | self._of_layers()

    def _distances(self, which: str, batches: dict[str, Batch], made: dict[str, Tensor]) -> dict[str, float]:
        """Distances of generated items to their real ones; `which` is a prefix of the names."""
        found = {name: float(self.distance(batches[name], x).mean()) for name, x in made.items()}
        if "heldout" in found:
            found |= {"gap": found["heldout"] - found["training"]}
        return {f"generator/{which}distance_{name}": value for name, value in found.items()}

    def _made(self, generator: nn.Module, batch: Batch) -> Tensor:
        made: Tensor = generator(self.watched.noise(len(batch.real), 0), batch.cond)
        return made
