# Everything runs in a virtual environment of the checkout's own; nothing is installed elsewhere.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
# duckdb or postgresql, for demo, storm, storm-documents and soak.
WAREHOUSE ?= duckdb

.PHONY: help install demo test test-long test-floor lint storm storm-outages storm-documents blackout soak bench bench-models large sharing \
	release-check clean

help:            ## Show what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## */\t/' | expand -t 12

install: $(VENV)/.ready   ## Make the virtual environment

demo: $(VENV)/.ready   ## Load two divisions of a simulated Exact Online and open the Dagster UI
	@$(BIN)/exact-assets demo --warehouse $(WAREHOUSE)

test: $(VENV)/.ready $(VENV)/duckdb-1.5 $(VENV)/exactonline-0.4 $(VENV)/dg lint   ## Lint, type check, test; some 15 minutes on two cores
	@echo 'Testing: some 15 minutes on two cores. A dot is a test.'
	$(BIN)/pytest -m 'not long' -n 2 --dist loadfile --no-loadscope-reorder

test-long: $(VENV)/.ready $(VENV)/dg   ## Test what takes longer: whole catalogues, days, backfills; some 25 minutes more
	$(BIN)/pytest -m long -n 2 --dist loadfile --no-loadscope-reorder

test-floor: $(VENV)/.ready $(VENV)/duckdb-1.5 $(VENV)/exactonline-0.4   ## Test with the lowest versions that pyproject.toml allows
	$(PYTHON) -m venv $(VENV)/floor
	$(BIN)/python -m exact_assets_tests.trials.floor > $(VENV)/floor.txt
	$(VENV)/floor/bin/pip install --quiet --disable-pip-version-check --constraint $(VENV)/floor.txt --editable '.[dev]'
	ln -sfn ../duckdb-1.5 $(VENV)/floor/duckdb-1.5
	ln -sfn ../exactonline-0.4 $(VENV)/floor/exactonline-0.4
	$(VENV)/floor/bin/pytest -m 'not long' -n 2 --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

storm: $(VENV)/.ready   ## Kill 200 real loads at random moments, then compare the warehouse with its source
	$(BIN)/python -m exact_assets_tests.trials.storm --warehouse $(WAREHOUSE)

storm-documents: $(VENV)/.ready   ## Kill the process that sends 1,000 rows of the outbox at random moments; each document must be there once
	$(BIN)/python -m exact_assets_tests.trials.storm_documents --warehouse $(WAREHOUSE)

storm-outages: $(VENV)/.ready   ## The same on PostgreSQL, whose server is killed and restarted as well
	$(BIN)/python -m exact_assets_tests.trials.storm --warehouse postgresql --outages

blackout: $(VENV)/.ready   ## Kill all of a real Dagster KILLS times (100) at random moments; all work must go on
	$(BIN)/python -m exact_assets_tests.trials.blackout $(KILLS)

soak: $(VENV)/.ready   ## Let Exact change, move, fail and throttle for 20 minutes while Dagster keeps in step
	$(BIN)/python -m exact_assets_tests.trials.soak --warehouse $(WAREHOUSE)

sharing: $(VENV)/.ready   ## Let 16 processes share tokens and quota, and kill some
	$(BIN)/python -m exact_assets_tests.trials.sharing --warehouse $(WAREHOUSE)

bench: $(VENV)/.ready   ## Measure CPU, memory and calls of large loads beside a bare lower bound
	$(BIN)/python -m exact_assets_tests.trials.bench

bench-models: $(VENV)/.ready   ## Measure what models cost: 1,000,000 ledger lines in 20 divisions, and one of them
	$(BIN)/python -m exact_assets_tests.trials.bench_models

large: $(VENV)/.ready   ## Purge, sweep and reload a division of 2,000,000 rows, killed at random moments
	$(BIN)/python -m exact_assets_tests.trials.large

release-check: $(VENV)/dg   ## Build wheel and source distribution, compare with git, install each in an empty environment
	$(BIN)/python -m exact_assets_tests.trials.release --python $(abspath $(VENV)/dg/bin/python)

clean:           ## Remove the environment and all local state
	rm -rf $(VENV) .state

# An older DuckDB beside ours: new warehouse files are for tools that are built on it, too.
$(VENV)/duckdb-1.5: $(VENV)/.ready
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --target $@ 'duckdb==1.5.6'

# Dagster's tools for projects, and what our own wheel needs, in an environment of a user's own.
$(VENV)/dg: $(VENV)/.ready
	$(PYTHON) -m venv $@
	$@/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		create-dagster dagster-dg-cli hatchling '.[simulator]'

# A client that is in use with Exact itself: it must work with the simulator.
$(VENV)/exactonline-0.4: $(VENV)/.ready
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --target $@ 'exactonline==0.4.0'

$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null || { \
	  echo 'There is no $(PYTHON) of version 3.11 to 3.13 here. Install Python 3.11, or say where one is:'; \
	  echo '    make $(firstword $(MAKECMDGOALS) install) PYTHON=/path/to/python3.11'; exit 1; }
	@echo 'Installing into $(VENV), once: a minute or two, with what pip gathers below.'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@
