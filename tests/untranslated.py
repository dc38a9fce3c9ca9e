"""Strings that read like sentences and that nobody is told on a terminal, or that are no sentences: what they are, and
where (paths as of `Path.match`). Patterns are of whole strings."""

from __future__ import annotations

import re
from pathlib import PurePath

from poise.specs.synonyms import SYNONYMS

EVERYTHING = r".*"
NAMES = "|".join(re.escape(names) for names, _, _ in SYNONYMS)
LEFT_OUT: tuple[tuple[str, str, str], ...] = (
    # Written into files, which are the same in every language.
    ("results/run_document.py", "the report of a run", EVERYTHING),
    ("results/study_document.py", "the report of a study", EVERYTHING),
    ("results/samples.py", "what a report shows of samples", EVERYTHING),
    ("results/forms/*.py", "HTML, CSS and remarks of a report", EVERYTHING),
    ("results/again.py", "the command in a report", r"poise train .*|.*with this in FILE.*|\nLengthened .*"),
    ("results/curves.py", "titles and labels of a figure", r"(?!not drawn:).*"),
    ("evaluation/curve.py", "title and axes of a figure", r".*\(lower: .*\)|.*: quality and diversity over .*"),
    ("studies/report/plots.py", "letters in a figure", EVERYTHING),
    ("studies/report/samples.py", "title of samples on a page", r".*the same noise in every arm"),
    ("studies/report/whole.py", "titles of figures", r"\{\}: \{\}, (change|mean) .*"),
    ("studies/report/page.py", "HTML and CSS", EVERYTHING),
    ("report/page.py", "HTML and CSS", EVERYTHING),
    ("serve/study_parts.py", "title of a figure in the browser", r"mean of the seeds .*"),
    (
        "export/card.py",
        "the card in README.md",
        r"`.*|!\[.*|\| .*|.*generator( import |\()open_generator.*|.*open_generator\(\)|library_name: .*|What the "
        r"monitor found|The (monitor compared|run was) .*|Seen after .*|Whether samples are copies .*|After .*|"
        r"real beside real|plain colours|These weights, .*|At the end of the run, .*|this model|"
        r"No (samples|penalty) .*|\{\} (samples of seed|steps "
        r"of `).*|Nothing: .*|It (shows what its data|was not looked) .*|not said in the record",
    ),
    (
        "errors.py",
        "what PyTorch says where no memory is left",
        r"(out of|not enough) memory|can(no|')t allocate .*|failed to .*",
    ),
    ("export/plain.py", "code of generator.py, and words behind it", r"TEXT --out .*|in\.wav .*|def .*|Trained and .*"),
    ("export/bundle.py", "code of generator.py", r"from __future__ .*"),
    ("export/standalone.py", "errors of generator.py, which does not need Poise", EVERYTHING),
    ("export/page.py", "scripts of the page", r"globalThis\..*"),
    # Parts of a line that [made-results] has as a whole.
    ("export/export.py", "put into the line of a file", r" in the page"),
    ("studies/report/sentences.py", "filled in before it is told", r"Adjusted: the claims together .*"),
    ("studies/running/endpoints.py", "what a study's file says", r"\{score: .*|\{mean: .*"),
    ("specs/*.py", "each kind of value as a whole", r"\{\} must be \{\}, not \{\}"),
    ("serve/asked.py", "each choice as a whole", r"\{\} must be \{\}, not \{\}"),
    ("studies/plans/readings.py", "each kind of value as a whole", r"\{\}: \{\} must be \{\}, not \{\}"),
    ("results/record_table.py", "each flag as a whole", r", or - for standard output"),
    ("disk/writing.py", "each flag as a whole", r"\{\} \{\}: there is no folder .*"),
    ("evaluation/lines.py", "a heading, there as a column", "COPIED TRAINING DATA"),
    ("results/evaluations.py", "a heading in the report of a run", "COPIED TRAINING DATA"),
    ("cli/*.py", "help that jsonargparse lays out", r"usage: poise .*"),
    ("tuning/page.py", "HTML and CSS", r"body \{.*"),
    ("recipes/*/portable.py", "a program that is handed over with a generator, and its page", EVERYTHING),
    ("data/images/unpack.py", "a licence text, written beside the pictures", r"The pictures are Noto Emoji.*"),
    ("data/transcripts/prompts.py", "names of recordings, and what is said in them", EVERYTHING),
    # For programs.
    ("data/images/sources/decode.py", "endings of files", r"\.png .*"),
    ("data/text/sword.py", "a regular expression", r"<div .*"),
    ("data/tokenizers/pieces.py", "a regular expression", r"required_chars.*"),
    ("data/transcripts/syllables.py", "initials that go with finals", r"[-a-z]{1,2} [a-z]{1,2} .*"),
    ("serve/*.py", "types of content, and what a browser may do", r".*charset=utf-8|default-src .*"),
    ("serve/app.py", "describes an entry of the interface", r"A file of the page itself\."),
    ("specs/parser_errors.py", "a regular expression", r".*(\(\?|\(\.[+*]|\\[wS]).*"),
    ("specs/synonyms.py", "flags of other toolkits", NAMES),
    ("report/mirrored.py", "a query", r"tags\..*"),
    ("report/figures/letters.py", "names of fonts", r"source han sans|droid sans fallback"),
    ("metrics/text/verse.py", "syllables", r"(ian|an|en|ang|eng)( \w+)+|(an|en) .*|(ang|eng) .*"),
    ("metrics/features/*.py", "how items become features, a part of what is kept", r".*, 1"),
    ("metrics/features/features.py", "a command, to be pasted", r"poise data get \{\}"),
)


def left_out(path: PurePath, text: str) -> bool:
    """Whether a string of a file, with {} for its values, is one of them."""
    return any(path.match(where) and re.fullmatch(what, text, re.DOTALL) for where, _, what in LEFT_OUT)
