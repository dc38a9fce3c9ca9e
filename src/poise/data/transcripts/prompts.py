"""What an English prompt of a telephone system says, as far as the name of its file spells it out.

The names are those of Asterisk's core sounds: digits/h-3 is "third", phonetic/b_p "bravo", hello-world "hello world".
"""

from __future__ import annotations

import functools

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
)
_NUMBERS = dict(enumerate([*_ONES.split(), "eighteen", "nineteen"])) | dict(
    zip(range(20, 100, 10), ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], strict=True)
)
_ODD = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth"}
_ODD |= {"twelve": "twelfth"}
_DAYS = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday"
_MONTHS = "January February March April May June July August September October November December"
_SPELLING = (
    "alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike november oscar papa quebec romeo "
    "sierra tango uniform victor whiskey x-ray yankee zulu"
)
# Names that begin so belong to a program, and are codes: vm-toforward says much more than "to forward".
_CODES = (
    "agent astcc auth basic conf confbridge demo dir pbx pm priv privacy queue screen spy ss tt vm dictate followme"
)
_CUT_SHORT = "call-fwd enter-num entr-num feature-not-avail num-was pls- info-about at-tone simul-"


def spelled_out(name: str) -> str:
    """The words of a name such as "digits/h-3" or "hello-world"; "" where it is a code or an abbreviation.

    Words are in small letters but for days and months. The sound was not compared: a name may leave out small words.
    """
    folder, _, last = name.rpartition("/")
    words = last.replace("_", "-").split("-")
    if name in _exact():
        return _exact()[name]
    if folder in ("letters", "digits") and not any(c.isdigit() for c in last):
        return " ".join(words)
    if (
        folder
        or words[0] in _CODES.split(" ")
        or last.startswith(tuple(_CUT_SHORT.split(" ")))
        or any(c.isdigit() for c in last)
    ):
        return ""
    return " ".join(words)


def ordinal(word: str) -> str:
    """ "third" for "three", "twentieth" for "twenty"."""
    return _ODD.get(word) or (f"{word[:-1]}ieth" if word.endswith("y") else f"{word}th")


@functools.cache
def _exact() -> dict[str, str]:
    out = {f"digits/{number}": word for number, word in _NUMBERS.items()}
    out |= {f"digits/h-{number}": ordinal(word) for number, word in _NUMBERS.items() if number}
    out |= {f"digits/h-{word}": ordinal(word) for word in ("hundred", "thousand", "million", "billion")}
    out |= {f"digits/day-{number}": day for number, day in enumerate(_DAYS.split(" "))}
    out |= {f"digits/mon-{number}": month for number, month in enumerate(_MONTHS.split(" "))}
    out |= {f"phonetic/{word[0]}_p": word for word in _SPELLING.split(" ")}
    out |= {"im-sorry": "I'm sorry", "sorry-youre-having-problems": "sorry you're having problems"}
    return out | {
        "phonetic/9_p": "niner",
        "digits/oclock": "o'clock",
        "letters/exclaimation-point": "exclamation point",
    }
