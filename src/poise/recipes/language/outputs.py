"""The monitor of a language model while it trains, and the judge of what was held out. Loads torch."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from poise.core import Timed
from poise.errors import measurable
from poise.games.likelihood import LanguageModelGame, heldout_nats, perplexity
from poise.monitor.findings.windows import SHOWN_EVERY
from poise.monitor.measures import with_gap
from poise.recipes.language.build import Text
from poise.training.precision import Execution

LOOKED_AT = 4096  # units of either side that the monitor reads


class LanguageMonitor(Timed):
    """Nats per unit on the beginnings of the training and of the held-out text, in evaluation mode.

    In the record, for the model: `nll_training`, `nll_heldout` and their difference `nll_gap`; at each fourth probe
    `shown_nll_training`, ... of the averaged model, which is what is judged and sampled; `‖h‖` is `activation`.
    """

    def __init__(self, model: nn.Module, average: Any, texts: dict[str, Tensor]) -> None:
        self.model, self.average, self.texts = model, average, texts

    def __call__(self, probe: int) -> dict[str, float]:
        with self.timed():
            found = self._of(self.model, "nll")
            if probe % SHOWN_EVERY == 0:
                found |= self._of(self.average, "shown_nll")
        return {f"model/{name}": value for name, value in found.items()}

    def _of(self, model: Any, name: str) -> dict[str, float]:
        """Of one network."""
        found = {f"{name}_{side}": float(heldout_nats(model, ids).mean()) for side, ids in self.texts.items()}
        return with_gap(found, name)


def monitor(game: LanguageModelGame, average: Any, text: Text, execution: Execution) -> Callable[[], LanguageMonitor]:
    """The monitor, built when first needed."""
    sides = {"training": text.train[:LOOKED_AT], "heldout": text.heldout[:LOOKED_AT]}
    texts = {name: torch.from_numpy(ids).to(execution.device) for name, ids in sides.items() if len(ids) > 1}
    return partial(LanguageMonitor, game.model, average, texts)


def judge(model: Any, text: Text, execution: Execution) -> Callable[[], Any] | None:
    """The judge of this text, built when first needed; None where nothing is held out."""
    return None if len(text.heldout) < 2 else partial(LanguageJudge, model, text, execution)


class LanguageJudge:
    """The held-out text, read once from its beginning with the state carried over, by the averaged network.

    "NLL" nats per unit, ends counted; "perplexity" exp(NLL); "bits per character" over the characters of the text, a
    line's end being one: only this number can be compared between units and vocabularies, as it holds what the spelling
    of unknown units costs (see `metrics.text.spelling`). For the other two they are one unit that is guessed like any
    other, so a smaller vocabulary has an easier task: `facts` tell how much is covered.
    """

    noun = "units"

    def __init__(self, model: Any, text: Text, execution: Execution) -> None:
        self.missing: list[str] = []
        self.extractors: list[Any] = []
        self.model, self.text = model, text
        self.ids = torch.from_numpy(text.heldout).to(execution.device)
        self.n = self.m = len(text.heldout) - 1
        self.about = f"scores are of the averaged network on {self.m:,} held-out {text.corpus.units.plural}"

    def floor(self) -> dict[str, float]:
        return {}

    def score(self, sample: Callable[[int, int], Any]) -> dict[str, float]:
        nats = heldout_nats(self.model, self.ids).double()
        mean = measurable(float(nats.mean()), "the model's likelihood")
        bits = (float(nats.sum()) + self.text.spelling) / np.log(2) / self.text.characters
        return {"perplexity": perplexity(mean), "NLL": mean, "bits per character": bits}
