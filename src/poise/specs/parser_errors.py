"""What the argument parser says of a mistake, as one sentence with the nearest name that is known.

The names and values are found in jsonargparse's English, because there is nothing else: whatever is wrong, it raises
an ArgumentError without an argument, or a TypeError or ValueError, with a text (4.53, `ArgumentParser.error`).
"""

from __future__ import annotations

import dataclasses
import re
import sys

from poise.errors import nearest
from poise.registry import find, names
from poise.specs.synonyms import meant


def sentence(message: str, known: list[str]) -> str:
    """The parser's message, possibly of several lines, as one sentence with the nearest known name."""
    text = " ".join(message.split())
    flags = [dashed(name) for name in known]
    if found := re.search(r"[Uu]nrecognized arguments: (--?[A-Za-z][\w.\-]*)", text):
        asked = dashed(found[1])
        if said := meant(asked, flags):
            return f"unknown option {asked}: {said}"
        return f"unknown option {asked}{nearest(asked, flags, '; see --help')}"
    if found := re.search(r"[Uu]nrecognized arguments: (.+)", text):
        return f"unexpected argument '{found[1]}': give one DATA, and everything else as --option VALUE"
    if found := re.search(r"argument (--[\w.]+): expected one argument", text):
        return f"{dashed(found[1])} needs a value: {dashed(found[1])} VALUE"
    if found := re.search(r"arguments are required: (.+)", text):
        return f"{found[1].upper()} is missing: name it right after the recipe; see --help"
    if (found := re.search(r"(--[\w.]+)\.help: Expected a dot import path string: (\w+)", text)) and (
        not found[1].endswith("penalties")
    ):
        flag = dashed(found[1])
        return f"{flag}.help {found[2]}: name MODULE.CLASS of a file of your own; what Poise has stands in --help"
    denied = r"Import(?:ing)?(?: path)? '?([^\s']+)'? (?:does not correspond|is not allowed)"
    if found := re.search(rf"Expected a dot import path string: (\w+)|{denied}", text):
        asked = found[1] or found[2]
        key = re.search(r'Parser key "(l2_\w+)":', text)
        if key and asked in names("penalty"):
            where = dashed(f"--{key[1]}")
            return (
                f"{where} is a strength, a number or a schedule such as cosine:1e-3:1e-5: a penalty such as {asked} "
                "goes into the penalties of a player"
            )
        return f"there is no penalty called '{asked}'{nearest(asked, names('penalty'), '.')} Known: {_penalties()}."
    return _of_a_key(text, known)


def _of_a_key(text: str, known: list[str]) -> str:
    """A message about one key: a value of the wrong type, or a name that is not known."""
    keys = re.findall(r'Parser key "([\w.]+)":', text)
    where = dashed(
        "--" + ".".join(dict.fromkeys(key for key in keys if not any(k.startswith(f"{key}.") for k in keys)))
    )
    own = re.search(
        r"Union subtypes.*Problem with given class_path '([\w.]+)': ?(.*?)(?= - Expected a| Given value|$)", text
    )
    if keys and own:
        return f"{where}: {own[1]} {_of_a_class(own[1], own[2])}"
    value = re.search(r"(?:Got|Given) value: (.*)$", text)
    wanted = dict.fromkeys(re.findall(r"Expected a (.+?)(?=\.? Got value:| - | Given value| Errors:|$)", text))
    if keys and value and wanted:
        return f"{where} must be {' or '.join(_in_words(kind) for kind in wanted)}, not {value[1]}"
    unknown = re.search(r"(?:[Kk]ey|[Oo]ption) [\"']?([\w.]+)[\"']?(?: is not (?:expected|accepted)|$)", text)
    if keys and (loaded := re.search(r"Unable to load config '(.*?)'", text)):
        return f"{where} must hold options, as {where}.OPTION VALUE, not {loaded[1]}"
    if not unknown:
        return f"{where}: {text}" if keys else text
    group = re.search(r"Group [\"']?([\w.]+)", text)
    member = re.search(r"class_path '[\w.]*?(\w+)'", text)
    if member and member[1] in names("penalty"):
        options = [field.name for field in dataclasses.fields(find("penalty", member[1]))]
        return f"{where}: {member[1]} has no option '{unknown[1]}'{nearest(unknown[1], options, '')}"
    named = re.search(r"class_path '([\w.]+\.\w+)'", text)
    if named and named[1].rpartition(".")[0] in sys.modules:
        return f"{where}: {named[1]} {_of_a_class(named[1], text)}"
    if member:
        return f"{where}: name a penalty first (one of {_penalties()}), then its '{unknown[1]}'"
    start = f"--{group[1]}." if group else "--"
    options = [name.removeprefix(start) for name in known if name.startswith(start)]
    return f"there is no option '{start[2:]}{unknown[1]}'{nearest(unknown[1], options, '; see --help')}"


def _of_a_class(path: str, text: str) -> str:
    """What is wrong with the options of a class of somebody's own."""
    unknown = re.search(r"(?:[Kk]ey|[Oo]ption) '([\w.]+)' is not (?:accepted|expected)", text)
    if not unknown:
        return f"cannot be used: {text}"
    module, _, name = path.rpartition(".")
    taken = getattr(getattr(sys.modules.get(module), name, None), "__dataclass_fields__", {})
    return f"has no option '{unknown[1]}'{nearest(unknown[1], list(taken), '')}"


def dashed(text: str) -> str:
    """--l2_generator -> --l2-generator, as people write it."""
    return re.sub(r"--[\w.\-]+", lambda match: match.group().replace("_", "-"), text)


def _penalties() -> str:
    return ", ".join(names("penalty"))


def _in_words(kind: str) -> str:
    """A type as people say it."""
    said = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "a word", "NoneType": "null"}
    if choices := re.search(r"Literal\[(.+)\]", kind):
        return "one of " + choices[1].replace("'", "")
    kind = re.sub(r"<class '(.+)'>", r"\1", kind)
    return said.get(kind, f"a {kind}")
