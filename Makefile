# `make demo` and `make test` set up everything they need in .venv, in a fresh clone.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: demo test test-slow notebooks docs lint clean

$(STAMP): pyproject.toml setup.py $(wildcard brainsim/events/csrc/*)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --editable '.[dev,docs]'
	@touch $@

demo: $(STAMP)
	$(BIN)/python -m models.demo

test: $(STAMP)
	$(BIN)/python -m pytest

test-slow: $(STAMP)
	$(BIN)/python -m pytest -m slow

notebooks: $(STAMP)
	$(BIN)/python notebooks/run.py

docs: $(STAMP)
	$(BIN)/sphinx-build --fail-on-warning --keep-going docs docs/_build/html

lint: $(STAMP)
	$(BIN)/ruff check brainsim models tests benchmarks

clean:
	rm -rf $(VENV) build docs/_build out *.egg-info
