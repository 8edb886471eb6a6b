# Everything runs in a virtual environment of the checkout's own; nothing is installed elsewhere.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
# duckdb or postgresql, for demo, storm and soak.
WAREHOUSE ?= duckdb

.PHONY: help install demo test test-floor lint storm blackout soak bench large clean

help:            ## Show what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## */\t/' | expand -t 12

install: $(VENV)/.ready   ## Make the virtual environment

demo: $(VENV)/.ready   ## Load two divisions of a simulated Exact Online and open the Dagster UI
	@$(BIN)/exact-assets demo --warehouse $(WAREHOUSE)

test: $(VENV)/.ready $(VENV)/duckdb-1.5 lint   ## Lint, type check, test
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

test-floor: $(VENV)/.ready $(VENV)/duckdb-1.5   ## Test with the lowest versions that pyproject.toml allows
	$(PYTHON) -m venv $(VENV)/floor
	$(BIN)/python -m exact_assets_tests.trials.floor > $(VENV)/floor.txt
	$(VENV)/floor/bin/pip install --quiet --disable-pip-version-check --constraint $(VENV)/floor.txt --editable '.[dev]'
	ln -sfn ../duckdb-1.5 $(VENV)/floor/duckdb-1.5
	$(VENV)/floor/bin/pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

storm: $(VENV)/.ready   ## Kill 200 real loads at random moments, then compare the warehouse with its source
	$(BIN)/python -m exact_assets_tests.trials.storm --warehouse $(WAREHOUSE)

blackout: $(VENV)/.ready   ## Kill all of a real Dagster KILLS times (100) at random moments; all work must go on
	$(BIN)/python -m exact_assets_tests.trials.blackout $(KILLS)

soak: $(VENV)/.ready   ## Let Exact change, move, fail and throttle for 20 minutes while Dagster keeps in step
	$(BIN)/python -m exact_assets_tests.trials.soak --warehouse $(WAREHOUSE)

bench: $(VENV)/.ready   ## Measure CPU, memory and calls of large loads beside a bare lower bound
	$(BIN)/python -m exact_assets_tests.trials.bench

large: $(VENV)/.ready   ## Purge, sweep and reload a division of 2,000,000 rows, killed at random moments
	$(BIN)/python -m exact_assets_tests.trials.large

clean:           ## Remove the environment and all local state
	rm -rf $(VENV) .state

# An older DuckDB beside ours: new warehouse files are for tools that are built on it, too.
$(VENV)/duckdb-1.5: $(VENV)/.ready
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --target $@ 'duckdb==1.5.6'

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@
