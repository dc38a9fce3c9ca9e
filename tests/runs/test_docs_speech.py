"""The page on speech says what the code does."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from poise.cli import EVALUATE, SAMPLE, tree
from poise.data.catalogue.catalogue import catalogue
from poise.data.transcripts.utterances import kinds
from poise.evaluation.speech import TITLES
from poise.metrics.core.metric import find_metrics
from poise.metrics.speech.metric import PairedMetric
from poise.recipes.common.options import parameters
from poise.recipes.speech.signature import speech
from poise.recipes.vocoder.signature import vocoder
from poise.registry import names
from poise.specs.spec import parser_for

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "speech.md").read_text(encoding="utf-8")
COMMANDS = [line[2:] for block in re.findall(r"```console\n(.*?)```", PAGE, re.S) for line in block.splitlines()]


@pytest.mark.parametrize(
    "name", [*(metric.name for metric in find_metrics(PairedMetric)), "nearest training clip", "closer than half"]
)
def test_every_metric_has_a_row(name: str) -> None:
    assert re.search(rf"^\| {re.escape(name)} \|", PAGE, re.M), name


def test_every_member_of_a_family_is_named() -> None:
    members = [*names("vocoder"), *names("wave critic"), *kinds(), "frames", "alignment"]
    members += [entry.name for entry in catalogue() if entry.modality == "speech"]
    assert [name for name in members if f"`{name}`" not in PAGE] == []
    assert {"nearest training clip", "closer than half"} <= set(TITLES)


@pytest.mark.parametrize("page", ["speech.md", "decisions/0007-speech.md"])
def test_every_flag_that_is_named_exists(page: str) -> None:
    known = {flag.replace("_", "-") for recipe in ("vocoder", "speech") for flag in parser_for(recipe).options()}
    known |= {*EVALUATE, *SAMPLE, "--out", "--voice"}
    flags = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9.-]*[a-z0-9]", (DOCS / page).read_text(encoding="utf-8")))
    assert flags - known == set() and len(flags) > 1


def test_the_stages_are_named_with_their_flags() -> None:
    found = set(re.findall(r"^\| [a-z, ]+ \|.*\| `(\w+_steps|steps)` \|$", PAGE, re.M))
    takes = {*parameters(vocoder), *parameters(speech)}
    assert found == {name for name in takes if name.endswith("steps")}


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_commands_parse(command: str) -> None:
    words = shlex.split(command)
    assert words[0] == "poise"
    if words[1] == "train":
        assert parser_for(words[2]).parse(words[3:])["data"] in [entry.name for entry in catalogue()]
    else:
        assert callable(tree()[0].parse_args(words[1:]).function)


def test_links_lead_somewhere() -> None:
    for page in (DOCS / "speech.md", DOCS / "decisions/0007-speech.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), target
