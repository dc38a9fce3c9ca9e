"""Studies: arms × seeds, each a run through the one door, and what they say together.

plans/        what is asked, and how a file says it (YAML, TOML, Python); the numbers that are read out of runs
comparison/   from those numbers to intervals and verdicts
running/      the runs: rehearsed before they start, on several processes, whatever is killed
report/       what is written: study.json, a page, plots, tables, sentences
study.py      a study from its file to its outcome
"""
