"""Which checkpoint of which run another run begins with. No torch in here."""

from __future__ import annotations

from poise.errors import PoiseError
from poise.record import RunFolder, find_run
from poise.registry import find
from poise.report.conclude import best

KEPT = "kept:"  # before the folder of a run that goes on with what it has written down of another one


def origin_checkpoint(run: str, step: int | str) -> tuple[RunFolder, int]:
    """The folder and the step that --from-run and --from-step name.

    Args: run, as everywhere: a path, a name, a unique beginning of one, or last; step, last, best or a number.
    Errors: PoiseError, which names the flag, where there is no such run or nothing that can be meant by the step.
    """
    try:
        folder = find_run(run)
        if isinstance(step, int):
            return folder, step
        if step == "best":
            found = best(folder.rows(), find("recipe", folder.spec().recipe).primary)
            if found is None:
                raise PoiseError("it was not scored, so it has no best step: use --from-step last or a number")
            return folder, found.step
        if step != "last":
            raise PoiseError(f"--from-step {step} is unknown; use last, best or a number")
        if not folder.saved():
            raise PoiseError(f"it has no checkpoint yet; go on training with: poise resume {folder.quoted}")
        return folder, folder.saved()
    except PoiseError as error:
        raise PoiseError(f"--from-run {run}: {error}") from None
