"""poise data: look at data, list and fetch the catalogued sets."""

from __future__ import annotations

import argparse
from typing import Any

from poise.cli.parser import command, commands_of, whole
from poise.cli.runs import EVALUATE

COMMANDS = ("data",)


def add(commands: Any) -> None:
    """Enter the commands."""
    data = commands_of(command(commands, "data", None, "look at data, or get a catalogued set"))
    made = command(data, "check", data_check, "report what is in a folder or file, and what cannot be read")
    made.add_argument("path", help="pictures, recordings or sentences: a folder, a file, or a catalogued name")
    made.add_argument("--column", metavar="NAME", help=EVALUATE["--column"]["help"])
    made.add_argument(
        "--bits", type=whole(1, 64), metavar="N", help="how many of the 16 bits of grey pictures are used"
    )
    made.add_argument("--splits", choices=("auto", "none"), default="auto",
                      help="auto: folders train/, test/, val/ are splits; none: they are ordinary folders")  # fmt: skip
    made.add_argument("--encoding", metavar="NAME", help="of a text, such as gb18030 (default: it is found and said)")
    made.add_argument("--delimiter", metavar="SIGN", help="between the columns of a table (default: it is found)")
    made.add_argument("--layout", choices=("lines", "stanzas", "paragraphs", "text"), default="lines",
                      help="of a text: what is one sentence, or text: one running text")  # fmt: skip
    command(data, "list", data_list, "list the catalogued sets")
    made = command(data, "get", data_get, "fetch a catalogued set into the cache")
    made.add_argument("name", help="its name in poise data list")


def data_check(options: argparse.Namespace) -> int:
    from poise.cli.checking import is_of_text, report_lines, report_text

    if is_of_text(options.path):
        report_text(options.path, options.column, options.encoding, options.delimiter, options.layout, print)
        return 0
    for line in report_lines(options.path, options.column, options.bits, options.splits):
        print(line)
    return 0


def data_list(options: argparse.Namespace) -> int:
    from poise.data.catalogue.catalogue import catalogue, located
    from poise.report.table import columns, worded

    rows = [(e.name, "here" if located(e.name) else "", e.title, e.licence) for e in catalogue()]
    for line in columns(worded([("NAME", "", "WHAT", "LICENCE"), *rows])):
        print(line)
    return 0


def data_get(options: argparse.Namespace) -> int:
    from poise.data.catalogue.fetch import get

    print(f"{options.name}: {get(options.name)}")
    return 0
