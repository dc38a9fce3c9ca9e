"""How argparse lays out help in the language that is asked for; in English nothing is otherwise than in argparse."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable

from poise.words.translating import language, lines_within, translated

# Of what jsonargparse adds to a help text: " (required, type: int, default: 3, known subclasses: ...)".
ADDED = re.compile(r", (?=type: |default: |known subclasses: )")


class HelpLines(argparse.HelpFormatter):
    """Help in the language that is asked for; a line ends where the terminal does, in letters of two columns too."""

    def start_section(self, heading: str | None) -> None:
        super().start_section(translated(heading) if heading else heading)

    def add_text(self, text: str | None) -> None:
        super().add_text(said_of_an_option(text) if text and language() != "en" else text)

    def _get_help_string(self, action: argparse.Action) -> str:
        told = super()._get_help_string(action) or ""
        if language() == "en" or not told:
            return told
        own = action.help or ""
        added = told.removeprefix(own) if told.startswith(own) else ""
        return said_of_an_option(own) + _said_of_what_is_added(added)

    def _format_usage(
        self,
        usage: str | None,
        actions: Iterable[argparse.Action],
        groups: Iterable[argparse._MutuallyExclusiveGroup],
        prefix: str | None,
    ) -> str:
        told = super()._format_usage(usage, actions, groups, prefix)
        return told if language() == "en" else told.replace("usage: ", "用法： ", 1)  # as many columns

    def _split_lines(self, text: str, width: int) -> list[str]:
        return lines_within(text, width) if language() != "en" else super()._split_lines(text, width)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if language() == "en":
            return super()._fill_text(text, width, indent)
        return "\n".join(indent + line for line in lines_within(text, width - len(indent)))


def said_of_an_option(text: str) -> str:
    """A help text, the lines of a docstring as one, or a description, which is one that begins as a sentence."""
    one = " ".join(text.split())
    said = translated(one)
    if said == one and one.endswith("."):
        without = one[:-1]
        for other in (without, without[:1].lower() + without[1:]):
            said = translated(other)
            if said != other:
                return f"{said}。"
        return one
    return said


def _said_of_what_is_added(text: str) -> str:
    """(type: %(type)s, default: %(default)s), whose values are put in later."""
    if not text.startswith(" ("):
        return text
    parts = ADDED.split(text.removeprefix(" (").removesuffix(")"))
    return "（" + "，".join(translated(part) for part in parts) + "）"
