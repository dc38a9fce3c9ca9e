"""The Python door: `poise.load`, `poise.train`, `poise.evaluate` do what the commands of the same names do.

    import poise

    run = poise.train("images", "photos", steps=2000, l2_discriminator=1e-4)
    pictures = run.sample(64, seed=3)                     # uint8 [64, H, W, C]
    print(poise.evaluate(run, n=1000).lines())

Nothing is printed. What is wrong with a request is a PoiseError of one sentence.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poise.disk.description import Arguments
from poise.errors import PoiseError, nearest
from poise.record import find_run, remember

if TYPE_CHECKING:
    from poise.evaluation.report import EvaluationReport
    from poise.report.live import View
    from poise.runs.load import Run


def load(run: str | Path, step: str | int = "last") -> Run:
    """A run that is there: a path, a name in the folder of runs, a unique beginning of a name, or "last".

    Args: step, of the weights: "last", "best" (of a scored run), or the number of a checkpoint that is kept.
    Returns a `Run`, with sample, interpolate, encode, say and vocode, as its recipe can.
    Errors: PoiseError for a run or a step that is not there.

    Example:
        >>> import numpy as np
        >>> np.save("noise.npy", np.random.default_rng(0).integers(0, 256, (64, 16, 16), np.uint8))
        >>> trained = train("images", "noise.npy", out="run", steps=2, batch=16, scores=0)
        >>> load("last").step, load("run", step=2).sample(4, seed=0).shape
        ('last', (4, 16, 16, 1))
    """
    from poise.runs.load import Run

    found = Run(find_run(str(run)), step)
    assert found.spec
    return found


def train(
    recipe: str, data: str | Path, *, out: str | Path | None = None, view: View | None = None, **arguments: Any
) -> Run:
    """Train to the end, or go on where a run of the same arguments stopped; a finished one is only loaded.

    Args: recipe, such as "images"; data, a path or the name of a catalogued set; out, the run folder (default
    runs/RECIPE-DATA-HASH); view, shows progress (default: nothing); arguments, the flags of `poise train RECIPE` with
    underscores, groups as dicts: generator={"lr": 1e-4, "penalties": [R1(0.1)]}.
    Errors: PoiseError for arguments or data that cannot be, before anything is written; NonFinite: it diverged.

    Example:
        >>> import numpy as np
        >>> np.save("noise.npy", np.random.default_rng(0).integers(0, 256, (64, 16, 16), np.uint8))
        >>> run = train("images", "noise.npy", out="run", steps=2, batch=16, scores=0)
        >>> run.sample(4, seed=0).shape
        (4, 16, 16, 1)
    """
    from poise.runs.load import Run
    from poise.runs.place import folder_of
    from poise.runs.run import run_in
    from poise.specs.objects import kept
    from poise.specs.sources import trust_all
    from poise.specs.spec import completed

    if not isinstance(data, str | os.PathLike):
        raise PoiseError(
            f"data is a path or the name of a set, not a {type(data).__name__}: save it first, such as by "
            "np.save('pictures.npy', pictures)"
        )
    if not isinstance(out, str | os.PathLike | None):
        raise PoiseError(f"out is the path of the run's folder, not a {type(out).__name__}")
    asked: Arguments = {"data": str(data), **{name: kept(value, name) for name, value in arguments.items()}}
    trust_all(recipe, asked)
    folder, tidy = folder_of(recipe, completed(recipe, asked), out, anew=True)
    if out is not None:
        remember(folder.path)
    run_in(folder, recipe, tidy, view)
    return Run(folder)


@dataclass(frozen=True)
class EvaluationResult:
    """What an evaluation found. `report` is what `poise evaluate` writes, as JSON; `lines` what it prints.

    Example:
        >>> for name, kinds in (("real.txt", 100), ("made.txt", 10)):
        ...     _ = Path(name).write_text("".join(f"the cat saw {n % kinds} dogs\\n" for n in range(100)))
        >>> found = evaluate("made.txt", against="real.txt", metrics=["distinct"])
        >>> found.report["modality"], found.lines().splitlines()[0]
        ('text', 'made.txt: 100 sentences against 100 real ones of real.txt')
    """

    found: EvaluationReport

    @property
    def report(self) -> dict[str, Any]:
        return self.found.to_dict()

    def value(self, metric: str, by: str | None = None) -> float:
        """One number, such as value("KID"), of the first features or section that has it, or of those called `by`.

        Errors: PoiseError with the names that are there.
        """
        known = []
        by_features = [(part.extractor, part.evaluation.rows) for part in self.found.features]
        for name, rows in [*by_features, *((section.name, section.rows) for section in self.found.sections)]:
            for row in rows:
                known.append(row.metric)
                if row.metric == metric and by in (None, name):
                    return row.made.value
        raise PoiseError(f"there is no '{metric}' in this evaluation{nearest(metric, known, '.')}")

    def lines(self) -> str:
        from poise.evaluation.lines import evaluation_lines

        return "\n".join(evaluation_lines(self.found))


def evaluate(what: Run | str | Path, **options: Any) -> EvaluationResult:
    """A run, or any folder or file of generated things, against real ones. Writes no file.

    Args: what; options, the flags of `poise evaluate` with underscores: against, trained_on, metrics and features (both
    lists of names), n, seed, step ...
    Errors: PoiseError for what cannot be compared, and for an option that is not known.

    Example:
        >>> _ = Path("real.txt").write_text("".join(f"the cat saw {n} dogs\\n" for n in range(100)))
        >>> _ = Path("made.txt").write_text("".join(f"the cat saw {n % 10} dogs\\n" for n in range(100)))
        >>> evaluate("made.txt", against="real.txt", metrics=["distinct"]).value("distinct sentences")  # 10 of 50
        0.2
    """
    from poise.evaluation.choice import EvaluationOptions
    from poise.evaluation.evaluate import measured
    from poise.runs.load import Run

    assert is_dataclass(EvaluationOptions)
    known = EvaluationOptions.__dataclass_fields__
    for name in options:
        if name not in known or name == "out":
            raise PoiseError(f"poise.evaluate has no option '{name}'{nearest(name, list(known), '.')}")
    if isinstance(what, Run):
        options = {"step": what.step, **options}
        what = what.path
    return EvaluationResult(measured(str(what), EvaluationOptions(**options)))
