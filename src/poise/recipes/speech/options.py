"""Options of a speech run's stages. No torch in here."""

from __future__ import annotations

from dataclasses import dataclass

from poise.errors import PoiseError
from poise.recipes.common.options import Group, RunOptions


@dataclass(frozen=True)
class StageOptions(Group):
    """How long the stages beside the adversarial one are.

    Args:
        warm_steps: steps without the discriminator, which are cheap, before it comes.
        vocoder_warm_steps: steps of the vocoder with the spectral losses alone.
        vocoder_steps: how often the vocoder and its discriminator move against each other.
        joint_steps: steps of both together, from text to wave, against the vocoder's discriminator; 0 for none.
        segment: samples of a recording in a batch of the vocoder; a multiple of the hop.
    """

    warm_steps: int = 2000
    vocoder_warm_steps: int = 1000
    vocoder_steps: int = 1000
    joint_steps: int = 0
    segment: int = 4096

    def check(self, run: RunOptions) -> None:
        """PoiseError for a stage or a segment without length."""
        run.check(
            warm_steps=self.warm_steps, vocoder_steps=self.vocoder_steps, vocoder_warm_steps=self.vocoder_warm_steps,
            segment=self.segment,
        )  # fmt: skip

    def check_joint(self, speak_with: str | None) -> None:
        """Both are trained together only where both are trained here."""
        if self.joint_steps < 0:
            raise PoiseError(f"--joint-steps must be at least 0, not {self.joint_steps}")
        if self.joint_steps and speak_with is not None:
            raise PoiseError(
                f"--joint-steps {self.joint_steps} trains the vocoder too, and --speak-with {speak_with} has a "
                f"finished one: leave out one of them"
            )

    def steps(self, adversarial: int, own_vocoder: bool) -> dict[str, int]:
        """Of each stage, in order."""
        found = {"acoustic": self.warm_steps, "adversarial": adversarial}
        if own_vocoder:
            found |= {"spectral": self.vocoder_warm_steps, "vocoder": self.vocoder_steps}
        return found | ({"joint": self.joint_steps} if self.joint_steps else {})
