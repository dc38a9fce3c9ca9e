"""Studies: arms × seeds, each a run through the one door, and what they say together.

plan.py, files.py        what is asked, and how a file says it; tables.py reads YAML, TOML and Python
tasks.py, readings.py    the runs that are asked for; a number out of one that is done
worker.py, pool.py       runs on several processes, whatever is killed; progress.py shows them
statistics.py            sign-flip test, intervals, equivalence, many tests at once; on distributions.py
before.py, comparison.py from results to study.json, by pairs.py, verdicts.py, readout.py
sentences.py, outcome.py what can be read aloud, and everything that is written; on text.py
study.py                 a study from its file to its outcome
"""
