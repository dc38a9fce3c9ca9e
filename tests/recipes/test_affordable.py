"""Networks that do not fit into memory are refused before they are built, with the numbers."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from poise.cli import main
from poise.errors import PoiseError
from poise.recipes.common import affordable
from poise.recipes.common.affordable import PER_WEIGHT, check_affordable, free_memory
from poise.registry import find
from poise.specs.spec import all_recipes
from tests.data.test_corpus import SENTENCES


def linear() -> nn.Module:
    return nn.Linear(999, 100)  # 100,000 numbers with the biases


@pytest.mark.parametrize(("free", "fits"), [(PER_WEIGHT * 200_000, True), (PER_WEIGHT * 200_000 - 1, False)])
def test_what_is_needed_is_counted(free: int, fits: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(affordable, "free_memory", lambda device: free)
    makers = {"discriminator": linear, "generator": linear}
    if fits:
        check_affordable(torch.device("cpu"), makers)
    else:
        with pytest.raises(PoiseError, match=r"discriminator that is asked for has 100,000 weights.* 0\.0 GB are free"):
            check_affordable(torch.device("cpu"), makers)


def test_no_random_number_is_drawn_and_nothing_is_allocated() -> None:
    torch.manual_seed(3)
    expected = torch.randn(4)
    torch.manual_seed(3)
    check_affordable(torch.device("cpu"), {"generator": linear})
    assert torch.equal(torch.randn(4), expected)
    with pytest.raises(PoiseError, match=r"1,000,001,000,000 weights"):
        check_affordable(torch.device("cpu"), {"generator": lambda: nn.Linear(10**6, 10**6)})


def test_what_cannot_be_made_without_storage_is_not_judged() -> None:
    def odd() -> nn.Module:
        raise NotImplementedError("no meta")

    check_affordable(torch.device("cpu"), {"generator": odd})
    assert (free_memory(torch.device("cpu")) or 1) > 0


TOO_LARGE = {
    "images": ["--generator.width=8192"],
    "vae": ["--autoencoder.width=8192"],
    "text": ["--generator.hidden=32768", "--generator.embed=32768", "--generator.layers=8"],
    "language": ["--model.hidden=32768", "--model.embed=32768", "--model.layers=8"],
    "vocoder": ["--generator.width=8192", "--generator.depth=64"],
    "speech": ["--generator.width=8192", "--generator.depth=64"],
}


OURS = [name for name in all_recipes() if find("recipe", name).build.__module__.startswith("poise.")]


@pytest.mark.slow
@pytest.mark.parametrize("recipe", OURS)
def test_every_recipe_says_it_before_it_builds(recipe: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A recipe that is registered has to be in the table."""
    if recipe in ("vocoder", "speech"):
        pytest.importorskip("soundfile")
        from tests.evaluation.voices import write_sentences

        data = tmp_path / "voices"
        write_sentences(data)
    elif recipe in ("images", "vae"):
        data = tmp_path / "pictures"
        data.mkdir()
        for i in range(20):
            Image.fromarray(np.full((16, 16, 3), i * 10, np.uint8)).save(data / f"{i}.png")
    else:
        data = tmp_path / "a.txt"
        data.write_text("\n".join(SENTENCES))
    words = ["train", recipe, str(data), "--out", str(tmp_path / "run"), "--heldout=0", *TOO_LARGE[recipe]]
    assert main(words) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert re.search(r"has [\d,]{9,} weights; .* GB of memory at least, and [\d.,]+ GB are free: give smaller", said)
    assert not (tmp_path / "run").exists()
