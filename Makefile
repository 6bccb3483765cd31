# `make demo` and `make test` each do everything on a fresh machine: an environment of their own, what they need, the run.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test test-oldest test-label-studio check fuzz bench docs clean mutate

demo: $(READY)
	$(BIN)/askew demo

test: $(READY)
	$(BIN)/python -m pytest

# The light core without torch, at the oldest versions of its dependencies; PYTHON must be one they know (3.10 to 3.12).
OLDEST := $(VENV)-oldest
LIGHT_TESTS := tests/kernels tests/pick tests/strategies tests/test_arrays.py tests/test_balance.py tests/test_blocked.py \
	tests/test_contracts.py tests/test_imports.py tests/test_plan.py tests/test_predictions.py tests/test_public.py \
	tests/test_query.py tests/cli/test_pick.py tests/test_pasted.py

test-oldest: $(OLDEST)/.ready
	OMP_NUM_THREADS=1 $(OLDEST)/bin/python -m pytest $(LIGHT_TESTS)

$(OLDEST)/.ready: pyproject.toml constraints-oldest.txt
	$(PYTHON) -m venv $(OLDEST)
	$(OLDEST)/bin/pip install --quiet -c constraints-oldest.txt -e . pytest hypothesis
	touch $@

# Label Studio itself, in an environment of its own (about 1 GB, four minutes; the server's first start takes three more).
# Its SDK asks for an older OpenCV than constraints.txt has, so askew with the SDK has an environment of its own too.
STUDIO := $(VENV)-label-studio
CLIENT := $(STUDIO)-client

test-label-studio: $(CLIENT)/.ready $(STUDIO)/.ready
	ASKEW_LABEL_STUDIO=$(abspath $(STUDIO))/bin/label-studio $(CLIENT)/bin/python -m pytest -v -m "slow or not slow" \
		tests/project/label_studio tests/cli/test_label_studio.py

$(STUDIO)/.ready:
	$(PYTHON) -m venv $(STUDIO)
	$(STUDIO)/bin/pip install --quiet label-studio
	touch $@

$(CLIENT)/.ready: pyproject.toml
	$(PYTHON) -m venv $(CLIENT)
	$(CLIENT)/bin/pip install --quiet -e ".[label-studio,dev]"
	touch $@

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
	OMP_NUM_THREADS=1 $(BIN)/python scripts/mutate.py

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet -c constraints.txt -e ".[all,dev]"
	touch $@

clean:
	rm -rf $(VENV) $(OLDEST) $(STUDIO) $(CLIENT) $(STUDIO) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist site mutants
