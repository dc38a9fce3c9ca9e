"""What is measured while an adversarial game is trained, beside what the loop records of each move.

Names in the record (all of plain, not augmented items; D and G in evaluation mode):

    discriminator/on_training, on_heldout, on_generated   D's mean output on a batch of each
    discriminator/auc_training, auc_heldout   how well D ranks them above generated items; ½ if not at all
    discriminator/auc_gap     auc_training − auc_heldout: D's overfitting, free of the scale of its output
    discriminator/auc_seen    how well D ranks training above held-out items: the same where both AUCs are near 1
    discriminator/contrast    standard deviation of D's outputs on all of them
    discriminator/alive       0 where D's output is constant: contrast and logit gap below 1e-3; the gap is then 0
    discriminator/sign        mean sign of D's output on training items (r_t of Karras et al. 2020)
    generator/diversity       mean distance between two generated items over that between two training items
    generator/nearest         median distance of the fixed items to their nearest training item, in the same unit
    generator/inside, inside_null, inside_z   see `poise.monitor.measures.nearest`
    generator/shown_diversity, shown_nearest, shown_inside ...   the same of the averaged generator, which is what a
                              user is shown, what is scored and saved; at each fourth probe
    generator/drift           distance of the fixed items from those of the averaged generator, in the same unit; at
                              each fourth probe
    generator/shown_lightness, shown_contrast, shown_saturation, shown_tint   of pictures: those of the averaged
                              generator against the data (`poise.monitor.appearance`); at each fourth probe
    PLAYER/effective_lr.LAYER     lr/‖w‖² of weights whose scale does nothing
    data/training, heldout    once: how many items of each are looked at (at most 2,000)
    data/split_z              once: whether training and held-out items can be told apart (`measures.split_z`)

Ranks alone cannot tell a dead discriminator: they survive at outputs of 1e-29. Hence `alive`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from poise.core import Batch, Timed
from poise.monitor.appearance import AppearanceOfData, appearance, compared
from poise.monitor.findings.windows import SHOWN_EVERY
from poise.monitor.measures import auc, compact, nearest, scale_invariant, split_z, spread

DEAD = 1e-3  # logits closer together than this carry no signal worth the name
COMPARED = 1000  # items of each part, to see whether the parts are alike
REFERENCES = 2000  # training items, and held-out items, that generated ones are compared with


@dataclass
class MonitorInputs:
    """What the monitor needs of an adversarial game.

    Args:
        generator, discriminator: the networks that play; `averaged`: the moving average of the generator.
        noise: (n, seed) -> z [n,Z] on the device.
        streams: "training" and, if anything is held out, "heldout": draw number -> Batch.
        references: "training" and "heldout": items [N,...] to look for neighbours in; at most 2,000 of each are kept.
            Empty where items come in pairs (`poise.monitor.paired`).
        autocast: a context in which networks are evaluated.
        conditions: (n, seed) -> cond of n generated items, or None.
        learning_rates: player name -> its current learning rate.
        compact: items [n,...] -> rows [n,F] whose distances mean something; default as for pictures.
        looks: of pictures, how light, how rich in contrast and how colourful training pictures are.
        seen: items -> as `looks` saw those of the data; as they are by default.
    """

    generator: nn.Module
    discriminator: nn.Module
    averaged: nn.Module
    noise: Callable[[int, int], Tensor]
    streams: Mapping[str, Callable[[int], Batch]]
    references: Mapping[str, Tensor]
    autocast: Callable[[], Any]
    conditions: Callable[[int, int], Tensor | None] = lambda n, seed: None
    learning_rates: Mapping[str, Callable[[], float]] = field(default_factory=dict)
    compact: Callable[[Tensor], Tensor] = compact
    looks: AppearanceOfData | None = None
    seen: Callable[[Tensor], Tensor] = lambda items: items


class AdversarialMonitor(Timed):
    """Callable: the number of a probe, counted from 0 -> signals. A pure function of that number and the weights.

    `seconds` is the time that it has taken so far.
    """

    def __init__(self, watched: MonitorInputs) -> None:
        self.watched = watched
        with self.timed():
            self.size = len(watched.streams["training"](0).real)
            kept = {name: watched.compact(x[:REFERENCES]) for name, x in watched.references.items()}
            self.training = kept.get("training", torch.zeros(0, 1))
            self.heldout = kept.get("heldout", self.training[:0])
            self.unit = spread(self.training[:256])
            self.free = self._scale_free()
            self.constant = self._of_data()

    def __call__(self, probe: int) -> dict[str, float]:
        modes = [(net, net.training) for net in (self.watched.generator, self.watched.discriminator)]
        for net, _ in modes:
            net.eval()
        with self.timed(), torch.no_grad(), self.watched.autocast():
            found = self._signals(probe)
        for net, mode in modes:
            net.train(mode)
        return found if probe else found | self.constant

    def _signals(self, probe: int) -> dict[str, float]:
        watched, n = self.watched, self.size
        batches = {name: stream(probe) for name, stream in watched.streams.items()}
        few = max(n // 2, 1)  # fixed items come first
        z = torch.cat([watched.noise(few, 0), watched.noise(n, probe + 1)])
        fixed, changing = watched.conditions(few, 0), watched.conditions(n, probe + 1)
        cond = None if fixed is None or changing is None else torch.cat([fixed, changing])
        made = watched.generator(z, cond)
        seen = {**batches, "generated": Batch(made[few:], changing)}
        logits = {name: self._logits(batch) for name, batch in seen.items()}
        rows = watched.compact(made)
        found = self._of_d(logits) | self._of_items("", rows, few) | self._of_layers()
        if probe % SHOWN_EVERY == 0:
            drawn = watched.averaged(z, cond)
            shown = watched.compact(drawn)
            found |= self._of_items("shown_", shown, few)
            if watched.looks is not None:
                seen_by_user = compared(appearance(watched.seen(drawn)), watched.looks)
                found |= {f"generator/shown_{name}": value for name, value in seen_by_user.items()}
            if self.unit > 1e-6:
                found["generator/drift"] = float((rows[:few] - shown[:few]).norm(dim=1).mean()) / self.unit
        return found

    def _of_data(self) -> dict[str, float]:
        """What is so once and for all."""
        if not len(self.heldout):
            return {}
        found = {"training": float(len(self.training)), "heldout": float(len(self.heldout))}
        few = min(len(self.training), len(self.heldout), COMPARED)
        z = split_z(self.training[:few], self.heldout[:few])
        return {f"data/{name}": value for name, value in {**found, **({"split_z": z} if few > 3 else {})}.items()}

    def _logits(self, batch: Batch) -> Tensor:
        """D's output on each item, averaged over heads and positions: float32 [n]."""
        made: Tensor = self.watched.discriminator(batch.real, batch.cond).means()
        return made

    def _of_d(self, logits: dict[str, Tensor]) -> dict[str, float]:
        fake, train, held = logits["generated"], logits["training"], logits.get("heldout")
        contrast = float(torch.cat(list(logits.values())).std())
        alive = not (contrast < DEAD and abs(float(train.mean()) - float(fake.mean())) < DEAD)
        found = {f"on_{name}": float(x.mean()) for name, x in logits.items()}
        found |= {"contrast": contrast, "alive": float(alive), "sign": float(train.sign().mean())}
        ranks = {name: auc(x, fake) if alive else 0.5 for name, x in logits.items() if name != "generated"}
        found |= {f"auc_{name}": rank for name, rank in ranks.items()}
        if held is not None:
            gap = ranks["training"] - ranks["heldout"]
            found |= {"auc_gap": gap, "auc_seen": auc(train, held) if alive else 0.5}
        return {f"discriminator/{name}": value for name, value in found.items()}

    def _of_items(self, which: str, made: Tensor, few: int) -> dict[str, float]:
        """Of the items of one generator: how diverse they are, and how near to training items.

        Args: which, a prefix of the names; made [n,F]; few, how many of them are fixed.
        """
        near = nearest(made, self.training, self.heldout)
        fixed = nearest(made[:few], self.training, self.heldout[:0])
        found: dict[str, float] = {}
        if self.unit > 1e-6:  # training items that are all alike give no unit
            found |= {"diversity": spread(made) / self.unit, "nearest": fixed.distance / self.unit}
        if len(self.heldout):
            found |= {"inside": near.inside, "inside_null": near.null, "inside_z": near.z}
        return {f"generator/{which}{name}": value for name, value in found.items()}

    def _of_layers(self) -> dict[str, float]:
        """lr/‖w‖² of the weights that have no other scale."""
        found = {}
        for player, weights in self.free.items():
            rate = self.watched.learning_rates.get(player, lambda: 0.0)()
            for name, weight in weights.items():
                found[f"{player}/effective_lr.{name}"] = rate / max(float(weight.detach().norm()) ** 2, 1e-30)
        return found

    def _scale_free(self) -> dict[str, dict[str, Tensor]]:
        """Player -> name -> weight, for the weights whose scale does nothing."""
        watched = self.watched
        batch = watched.streams["training"](0)
        few = Batch(batch.real[:8], None if batch.cond is None else batch.cond[:8])
        z, cond = watched.noise(len(few.real), 0), watched.conditions(len(few.real), 0)
        cond = few.cond if cond is None else cond  # what goes with real items will do
        found: dict[str, dict[str, Tensor]] = {}
        tries: dict[str, tuple[nn.Module, Callable[[], Tensor]]] = {
            "generator": (watched.generator, lambda: watched.generator(z, cond)),
            "discriminator": (watched.discriminator, lambda: self._logits(few)),
        }
        for player, (net, forward) in tries.items():
            parameters = dict(net.named_parameters())
            found[player] = {name: parameters[name] for name in scale_invariant(net, forward)}
        return found
