"""poise tune RECIPE DATA: which strengths and rates for these data? And poise scan: from which strength on it kills."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poise.cli.parser import QUIET, FlagOptions, above_0, command, whole
from poise.cli.said.watching import stopped_by_ctrl_c, teller
from poise.cli.study import WORKERS, here, workers
from poise.disk.description import Arguments
from poise.errors import PoiseError
from poise.terminal import pasted

if TYPE_CHECKING:
    from poise.specs.parser import Parser

COMMANDS = ("tune", "scan")
TRIALS, EACH, CONFIRM = 40, 3, 10  # where nobody says
OF_TUNE: dict[str, FlagOptions] = {
    "--trials": {"type": whole(2, 100_000), "help": f"how many are tried (default {TRIALS}, unless --hours is given)"},
    "--hours": {"type": above_0, "help": "how long instead; the confirmation is within that time"},
    "--space": {
        "action": "append",
        "metavar": "NAME=RANGE",
        "help": "search this option too, or otherwise: l2_generator=zero,log:1e-6:1e-1, generator.lr=times:0.25:8, "
        "noise=32,64,128, generator.lr=off (docs/tuning.md)",
    },
    "--score": {"help": "which score is made better (default: the recipe's own)"},
    "--at": {"choices": ("end", "best"), "help": "the score at the end (default), or at each run's best step"},
    "--better": {"choices": ("lower", "higher"), "help": "which way is better (default lower)"},
    "--each": {"type": whole(1, 100), "metavar": "SEEDS", "help": f"seeds of a trial (default {EACH})"},
    "--confirm": {
        "type": whole(6, 1000),
        "metavar": "SEEDS",
        "help": f"fresh seeds on which what was found is compared with the default (default {CONFIRM})",
    },
    "--no_scan": {
        "action": "store_true",
        "help": "do not measure first from which strength on each penalty kills, to search below that",
    },
    "--storage": {
        "metavar": "ADDRESS",
        "help": "keep the trials in a database: sqlite:///FILE or postgresql+psycopg://... (default: a file in --out)",
    },
    "--workers": {"type": workers, "help": WORKERS},
    "--out": {"help": "the folder (default tunes/RECIPE-DATA-HASH); an unfinished search goes on"},
}
OF_SCAN: dict[str, FlagOptions] = {
    "--penalty": {"metavar": "L2_PLAYER", "help": "which strength (default: the discriminator's)"},
    "--out": {"help": "the folder of its runs (default scans/RECIPE-DATA)"},
}
FLAGS = {"tune": OF_TUNE, "scan": OF_SCAN}


def add(commands: Any) -> None:
    """Enter the commands."""
    command(commands, "tune", None, "find the strengths and rates that these data need, by measured trials")
    command(commands, "scan", None, "find the strength from which on a penalty kills, by short runs")


@dataclass(frozen=True)
class ReadCommand:
    """What was typed: `words` behind the recipe, the recipe's `arguments`, and the `flags` of the command itself."""

    recipe: str
    words: Sequence[str]
    arguments: Arguments
    flags: Mapping[str, Any]


@dataclass(frozen=True)
class ScanFlags:
    """The flags of `poise scan` itself."""

    penalty: str | None
    out: str | None
    quiet: bool


def parser_of(name: str, recipe: str) -> Parser:
    """The flags of the command, and the recipe's own."""
    from poise.specs.spec import parser_for

    parser = parser_for(recipe, f"poise {name} {recipe}")
    for flag, more in {**FLAGS[name], "--quiet": QUIET}.items():
        parser.add_argument(flag, **more)
    return parser


def named(flag: str) -> str:
    """--no_scan, which may be typed with dashes, -> no_scan."""
    return flag.lstrip("-")


def words_of(name: str, argv: Sequence[str]) -> tuple[str, list[str]] | None:
    """The recipe and its words; None where help was asked for, which is said."""
    from poise.specs.spec import all_recipes, kind_of

    if not argv or argv[0] in ("-h", "--help"):
        print(f"usage: poise {name} RECIPE DATA [options]\n\nRecipes:")
        for recipe in all_recipes():
            print(f"  {recipe:10} {(kind_of(recipe).build.__doc__ or '').strip().splitlines()[0]}")
        print(f"\npoise {name} RECIPE --help lists its options; those of poise train RECIPE hold for every run.")
        return None
    if argv[0] not in all_recipes() and Path(argv[0]).exists():
        print(f"no recipe is named: {argv[0]} is taken for pictures (poise {name} images {pasted(argv[0])})")
        return "images", list(argv)
    if "." in argv[0]:
        from poise.specs.sources import trust

        trust(argv[0])
    kind_of(argv[0])
    return argv[0], list(argv[1:])


def read(name: str, argv: Sequence[str]) -> ReadCommand | None:
    """The words of tune or scan; None where help was asked for."""
    found = words_of(name, argv)
    if found is None:
        return None
    recipe, words = found
    arguments: Arguments = dict(parser_of(name, recipe).parse(words))
    flags = {flag: arguments.pop(flag) for flag in map(named, (*FLAGS[name], "--quiet"))}
    return ReadCommand(recipe, words, arguments, flags)


def tune(argv: list[str]) -> int:
    """poise tune RECIPE ...: arguments are the recipe's and those of the search."""
    from poise.runs.ending import Interrupted, Stop
    from poise.tuning.begin import TuneFlags, ready_to_search
    from poise.tuning.settled import needed

    asked = read("tune", argv)
    if asked is None:
        return 0
    given = TuneFlags(**asked.flags)
    if given.trials is not None and given.hours is not None:
        raise PoiseError("--trials and --hours both say how long the search is: give one of them")
    trials = given.trials if given.hours else given.trials or TRIALS
    those = given.workers or here()
    own = replace(given, trials=trials, each=given.each or EACH, confirm=given.confirm or CONFIRM, workers=those)
    needed()
    say = teller(own.quiet)
    stop = Stop()
    with stopped_by_ctrl_c(stop):
        try:
            search, budget = ready_to_search(asked.recipe, asked.arguments, named_in(asked.words), own, stop, say)
            answer = search.go(budget, own.workers, stop, own.quiet)
        except Interrupted:
            print(f"stopped; go on with: {' '.join(map(pasted, ['poise', 'tune', *argv]))}")
            return 130
    for sentence in answer.sentences:
        say(sentence)
    say(f"Best:    {search.folder / 'best.yaml'}")
    say(f"Page:    {search.folder / 'index.html'}")
    return 0


def named_in(words: Sequence[str]) -> list[str]:
    """Options that stand among the words: --generator.lr=1e-4 -> generator.lr."""
    from poise.specs.parser import underscored

    return [underscored(word).removeprefix("--").partition("=")[0] for word in words if word.startswith("--")]


def scan(argv: list[str]) -> int:
    """poise scan RECIPE ...: a bisection of short runs."""
    from poise.runs.ending import Interrupted, Stop
    from poise.runs.run import run
    from poise.specs.sources import trust_all
    from poise.specs.spec import completed, run_name
    from poise.tuning.scan import SCANNED, strength_of
    from poise.tuning.scan import scan as bisect

    asked = read("scan", argv)
    if asked is None:
        return 0
    recipe, arguments, own = asked.recipe, dict(asked.arguments), ScanFlags(**asked.flags)
    trust_all(recipe, arguments)
    say = teller(own.quiet)
    steps = arguments.get("steps")
    if "steps" not in named_in(asked.words) and isinstance(steps, int):
        steps = min(SCANNED, steps)
        arguments["steps"] = steps
        say(f"each run makes {steps:,} steps; --steps changes that")
    name = strength_of(arguments, own.penalty)
    where = Path("scans") / run_name(recipe, arguments).rpartition("-")[0]
    stop = Stop()
    ready, runs = completed(recipe, arguments), Path(own.out or where)
    with stopped_by_ctrl_c(stop):
        try:
            found_out = bisect(recipe, ready, name, runs, lambda spec, path: run(spec, path, None, stop), say)
        except Interrupted:
            print(f"stopped; go on with: {' '.join(map(pasted, ['poise', 'scan', *argv]))}")
            return 130
    print(found_out.sentence)
    return 0
