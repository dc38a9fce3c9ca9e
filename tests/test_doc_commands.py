"""Every command and every program of the documentation is run on little data, or is in a list with the reason why not.

A command that is in no list is run: what is put in the place of data, lengths and names is in `tests/doc_places.py`.
"""

from __future__ import annotations

import ast
import functools
import re
import shlex
import shutil
import tomllib
from pathlib import Path

import pytest

from poise.cli import main, tree, tune
from poise.cli.train import parser_of
from tests import doc_places

ROOT = Path(__file__).parents[1]
TREE = functools.cache(lambda: tree()[0])  # parsers are the same for every command
TRAINING, SEARCHING = functools.cache(parser_of), functools.cache(tune.parser_of)
PAGES = sorted([*ROOT.glob("README*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "CONTRIBUTING.md"])
NOT_RUN = {  # a pattern of commands -> why they are not run
    r"^make ": "a target of the Makefile: that it is there is looked at",
    r"^pip install ": "would install into this environment: that the extras exist is looked at",
    r"^python (bench/|handed/)": "that the program is there is looked at; exported ones are run by tests/export",
    r"^poise data get ": "fetches a real set from its publisher; tests/data, marked real",
    r"^poise serve": "opens a server and goes on until it is stopped; tests/serve",
    r"^poise (tune|scan) ": "many runs of a search; tests/tuning",
    r"^poise study studies/first-study.yaml": "the real study: real sets, hours",
    r"^torchrun ": "starts several processes; tests/runs/test_several_processes.py",
    r"--mirror wandb": "needs the tracker's package and an account; tests/report/test_mirrored.py has a stand-in",
    r"^poise worker ": "waits for the work of a study that runs elsewhere; tests/studies/test_attending.py",
    r"--capture on": "is refused where there is no CUDA; tests/runs/test_captured.py has a stand-in",
    r"^poise runs rm NAME": "NAME stands for names, and it asks; tests/runs/test_listing.py",
}
PROGRAMS_ELSEWHERE = {  # a page -> the test that runs its programs
    "README.md": "tests/test_readme.py",
    "README.zh-CN.md": "tests/test_translations.py",  # they are those of the original
    "docs/architecture.md": "tests/test_own_parts.py",
    "docs/evaluate.md": "tests/evaluation/test_docs_evaluate.py",
    "docs/monitor.zh-CN.md": "tests/test_translations.py",
    "docs/own-loop.md": "tests/penalties/test_own_loops.py",
    "docs/penalties.zh-CN.md": "tests/test_translations.py",
    "docs/text-metrics.md": "tests/metrics/test_docs_text.py",
}


def blocks(language: str) -> dict[str, list[str]]:
    """Block -> the pages that have it."""
    found: dict[str, list[str]] = {}
    for page in PAGES:
        for block in re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.S | re.M):
            found.setdefault(block, []).append(page.relative_to(ROOT).as_posix())
    return found


def commands() -> list[str]:
    """What stands behind a $ in the blocks, without what is said of it; a block may hold output as well."""
    found = []
    for language in ("console", "sh", "bash"):
        for block in blocks(language):
            shown = [line for line in block.splitlines() if line.startswith(("$ ", "poise ", "make "))]
            assert shown, f"a block of commands without a command: {block}"
            found += [re.split(r"\s+# ", line.removeprefix("$ "))[0].strip() for line in shown]
    return list(dict.fromkeys(found))


COMMANDS = commands()
RUN = [command for command in COMMANDS if not any(re.search(pattern, command) for pattern in NOT_RUN)]


def test_commands_are_found_and_every_reason_is_needed():
    assert len(COMMANDS) > 100 and len(RUN) > 80
    assert all(command.split()[0] in ("poise", "make", "pip", "python", "torchrun") for command in COMMANDS)
    for pattern in NOT_RUN:
        assert any(re.search(pattern, command) for command in COMMANDS), f"{pattern}: no such command any more"


@pytest.mark.parametrize("command", COMMANDS)
def test_each_is_a_command_that_there_is(command):
    words = shlex.split(command)
    if words[0] == "torchrun":
        words = words[words.index("-m") + 1 :]
    if words[0] == "make":
        assert re.search(rf"^{words[1].replace('.venv', '[$][(]VENV[)]')}:", (ROOT / "Makefile").read_text(), re.M)
    elif words[0] == "pip":
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        named = re.findall(r"\.\[([\w,]+)\]", command)
        assert named and set(named[0].split(",")) <= set(extras)
    elif words[0] == "python":
        assert (ROOT / words[1]).exists() or words[1] == "handed/generator.py"
    elif words[1] in ("tune", "scan"):
        assert SEARCHING(words[1], words[2]).parse(words[3:])["data"] == words[3]
    elif words[1] == "train":
        assert TRAINING(words[2]).parse(words[3:])["data"] == words[3]
    else:
        assert callable(TREE().parse_args(words[1:]).function)


INDENTED_ELSEWHERE = {
    "docs/architecture.md": "its commands name classes of its own programs; tests/test_own_parts.py",
    "docs/log.md": "says what was run, by the flags of then",
}


def indented() -> list[str]:
    """Commands of experiments in blocks without a fence: whole ones, each behind the other."""
    found = []
    for page in PAGES:
        if page.relative_to(ROOT).as_posix() not in INDENTED_ELSEWHERE:
            text = page.read_text(encoding="utf-8").replace("\\\n", " ")
            for line in re.findall(r"^    (poise .*)$", text, re.M):
                found += [part for part in re.split(r"\s+# ", line)[0].split(" && ") if part.startswith("poise ")]
    return found


def test_commands_of_experiments_still_exist():
    found = indented()
    assert len(found) >= 5
    for command in found:
        test_each_is_a_command_that_there_is(command)


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    doc_places.write_data(folder)
    return folder


@pytest.fixture
def here(shop, monkeypatch):
    """The folder with the data as the current one; what a command writes there is removed after it, runs are kept."""
    monkeypatch.chdir(shop)
    monkeypatch.setenv("POISE_RUNS", "runs")
    before = {path.name for path in shop.iterdir()} | {"runs", "studies"}
    yield shop
    for path in shop.iterdir():
        if path.name not in before:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("command", RUN)
def test_each_is_run(command, here, capsys):
    words = doc_places.small(command)
    if "studies/few-pictures" in words and not Path("studies/few-pictures").exists():
        assert main(["study", "few-pictures.yaml", "--workers", "1", "--no-rehearsal"]) == 0
    code = main(words)
    said = capsys.readouterr()
    assert code == 0, f"poise {shlex.join(words)}\n{said.out[-1500:]}{said.err[-1500:]}"


PROGRAMS = {
    block: page for block, pages in blocks("python").items() for page in pages[:1] if page not in PROGRAMS_ELSEWHERE
}


def test_programs_of_every_page_are_run_by_some_test():
    for page, test in PROGRAMS_ELSEWHERE.items():
        text = (ROOT / test).read_text(encoding="utf-8")
        assert Path(page).name in text, f"{test} does not name {page}"
    pages = {page for found in blocks("python").values() for page in found}
    assert set(PROGRAMS_ELSEWHERE) <= pages and {"docs/penalties.md", "docs/conversions.md"} <= {*PROGRAMS.values()}


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS, ids=[f"{page}-{i}" for i, page in enumerate(PROGRAMS.values())])
def test_programs_run(program, here):
    if "runs/my-run" in program:
        doc_places.run_of("my-run")
    names: dict[str, object] = {}
    exec(compile(program, PROGRAMS[program], "exec"), names)
    made = {node.id for node in ast.walk(ast.parse(program)) if isinstance(node, ast.Name) and stored(node)}
    assert made <= {*names, *locals_of(program)}, "it came to its end, and made what it says"


def stored(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store)


def locals_of(program: str) -> set[str]:
    """Names that belong to functions, classes and comprehensions of a program, and those of loops, which may have
    nothing to go through."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.comprehension)
    parts = [*ast.walk(ast.parse(program))]
    inside: list[ast.AST] = [node for node in parts if isinstance(node, kinds)]
    inside += [node.target for node in parts if isinstance(node, ast.For)]
    return {one.id for node in inside for one in ast.walk(node) if isinstance(one, ast.Name) and stored(one)}
