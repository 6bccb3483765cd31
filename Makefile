# `make demo` and `make test` each do everything on a fresh machine: an environment of their own, what they need, the run.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test check fuzz bench docs clean mutate

demo: $(READY)
	$(BIN)/askew demo

test: $(READY)
	$(BIN)/python -m pytest

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_imports.py

# Damaged files for every reader: a minute, or FUZZ_INPUTS=1000000 make fuzz; see tests/fuzz/__main__.py
fuzz: $(READY)
	$(BIN)/python -m tests.fuzz

bench: $(READY)
	$(BIN)/pip install --quiet -c constraints.txt -e ".[bench]"
	$(BIN)/python benchmarks/run.py

docs: $(READY)
	$(BIN)/pip install --quiet -c constraints.txt -e ".[docs]"
	$(BIN)/python scripts/make_docs.py
	$(BIN)/mkdocs build --strict

mutate: $(READY)
	$(BIN)/pip install --quiet "mutmut>=3.8"
	OMP_NUM_THREADS=1 $(BIN)/mutmut run
	$(BIN)/mutmut results

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet -c constraints.txt -e ".[all,dev]"
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist site mutants
