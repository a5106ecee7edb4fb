# `make demo` and `make test` set up everything they need in .venv, in a fresh clone.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

# One worker per core, up to four. A worker that runs out of tests takes over some of another's, so tests of one file stay
# mostly together and share its fixtures.
WORKERS := --numprocesses=auto --maxprocesses=4 --dist=worksteal

# What Python compiles is kept, whatever the environment says: some eighty processes are started.
unexport PYTHONDONTWRITEBYTECODE

# Compiled programs of notebooks and of examples in the docs: most of their small ones are the same.
notebooks docs: export JAX_COMPILATION_CACHE_DIR ?= $(abspath $(VENV))/.jax
notebooks docs: export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS ?= 0

.PHONY: demo test test-slow mutants matrix ends notebooks docs browse lint types clean

$(STAMP): pyproject.toml setup.py $(wildcard brainsim/events/csrc/*)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --editable '.[dev,docs]'
	@touch $@

demo: $(STAMP)
	$(BIN)/python -m models.demo

test: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(WORKERS)

test-slow: $(STAMP)
	$(BIN)/python -m pytest --optimised -m slow

# A part of the tests on each Python and JAX that is at hand, and on the oldest and the newest pair.
matrix ends: $(STAMP)
	$(BIN)/nox --session $@

# Breaks the code in one place after another: tests must fail each time.
mutants: $(STAMP)
	$(BIN)/python tests/mutants.py

notebooks: $(STAMP)
	$(BIN)/python notebooks/run.py

docs: $(STAMP)
	$(BIN)/sphinx-build --fail-on-warning --keep-going docs docs/_build/html

# Opens every built page in Chromium: errors, equations, pictures, links, search. Skipped where there is none.
browse: docs
	$(BIN)/python docs/browse.py

lint: $(STAMP)
	$(BIN)/ruff check brainsim models tests benchmarks docs notebooks examples setup.py noxfile.py
	$(BIN)/ruff format --check brainsim models tests benchmarks docs notebooks examples setup.py noxfile.py

types: $(STAMP)
	$(BIN)/pyright --pythonpath $(BIN)/python

clean:
	rm -rf $(VENV) build docs/_build out .pytest_cache .nox *.egg-info
