# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOWEST := tests/test_cli.py tests/report tests/disk tests/data/test_images.py \
  tests/metrics/test_statistics.py tests/studies/test_comparison.py tests/runs/test_run.py tests/specs/test_synonyms.py
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport PYTHONDONTWRITEBYTECODE  # else pytest reads each test anew in every process, a third of the fast tests' time

.PHONY: demo test check bench own-loops first-study demo-check corpora site format clean

demo: $(VENV)/.demo ## train on Fashion-MNIST for eight minutes, sample, score, say where to look
	$(BIN)/poise demo

test: $(VENV)/.dev $(VENV)/.site $(VENV)/.loops $(VENV)/.lowest ## everything, with real data; a part of it with the lowest versions
	$(BIN)/python -m pytest -n 2 --dist worksteal --durations=40 --durations-min=3
	@if [ -e $(VENV)/.lowest ]; then \
	  echo "with the lowest versions that are allowed (constraints-lowest.txt):"; \
	  $(VENV)/lowest/bin/python -m pytest -m "not real" tests/penalties && \
	  $(VENV)/lowest/bin/python -m pytest -m "not slow and not real" $(LOWEST); \
	else echo "NOT tested with the lowest versions: they cannot be installed here."; fi

check: $(VENV)/.dev ## format, lint, types, fast tests: before every commit
	$(BIN)/ruff format --check src tests bench examples
	$(BIN)/ruff check src tests bench examples
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow and not real"

bench: $(VENV)/.dev ## step times side by side, peak memory; writes bench/results.json
	$(BIN)/python bench/step_time.py --out bench/results.json
	$(BIN)/python bench/memory.py --out bench/results.json
	$(BIN)/python bench/metrics.py --out bench/results.json
	$(BIN)/python bench/text_speed.py --out bench/results.json
	$(BIN)/python bench/speech_speed.py --out bench/results.json

first-study: $(VENV)/.dev ## does L2 help? 175 runs; stop it and go on as you like (docs/first-study.md has what came out)
	$(BIN)/poise data get fashion-mnist && $(BIN)/poise data get asterisk-en && $(BIN)/poise data get web-bible
	$(BIN)/poise study studies/first-study.yaml --workers 2

demo-check: $(VENV)/.demo ## what the demo must show: every class present, the score ten times closer to its floor
	$(BIN)/python bench/demo_check.py demo/run

own-loops: $(VENV)/.loops ## the penalty in eleven loops of others, and what it covers of eighteen architectures
	$(VENV)/loops/bin/python bench/own_loops.py --json bench/own_loops.json
	$(VENV)/loops/bin/python bench/coverage.py --json bench/coverage.json

corpora: $(VENV)/.dev ## the odd files that others keep for their own tests: each read, named or refused (docs/corpora.md)
	$(BIN)/python bench/corpora.py --out runs/corpora --table docs/corpora.md

site: $(VENV)/.site ## the documentation as pages that open from the disk: site/index.html
	$(BIN)/python bench/docs_site.py

format: $(VENV)/.dev
	$(BIN)/ruff format src tests bench examples
	$(BIN)/ruff check --fix src tests bench examples

clean:
	rm -rf $(VENV) demo site build/site

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[scores,vae]'
	touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[scores,text,speech,vae,eval,export,tensorboard,parquet,web,tune,postgres,slurm,cluster,dev]'
	touch $@

# What builds the site; without it the tests of its pages say so by name.
$(VENV)/.site: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[docs]' && touch $@ || \
	  echo "The packages of .[docs] cannot be installed here: the site is not built."

# Accelerate, Lightning, transformers and diffusers, apart from everything else; without them their tests say so by name.
$(VENV)/.loops: pyproject.toml constraints.txt | $(BIN)/python
	$(PYTHON) -m venv $(VENV)/loops
	$(VENV)/loops/bin/python -m pip install --quiet -c constraints.txt -e '.[loops]' && touch $@ || \
	  echo "The packages of .[loops] cannot be installed here: the tests of other frameworks' loops are skipped."

$(VENV)/.lowest: pyproject.toml constraints-lowest.txt | $(BIN)/python
	$(PYTHON) -m venv $(VENV)/lowest
	$(VENV)/lowest/bin/python -m pip install --quiet -c constraints-lowest.txt -e '.[scores,vae]' \
	  soundfile pytest hypothesis pyte torchmetrics && touch $@ || true
