# Every target creates what it needs; a second run does only what is stale.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
export UV_SYSTEM_CERTS ?= 1
# Small fits on many processes: BLAS threads only get in each other's way.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

PYTHON ?= python3
V := .venv
BIN := $(V)/bin
UV := $(BIN)/uv

.PHONY: help env lock sample report lab test check format lint types architecture bench vendor clean

help:  ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

env: $(V)/.stamp  ## the Python environment, from the lock

$(V)/.stamp: requirements/lock.txt requirements/bootstrap.txt pyproject.toml
	@echo "environment: bringing $(V) up to the lock (about a minute when new)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(V)
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	$(UV) pip install -q --python $(BIN)/python --require-hashes --compile-bytecode -r requirements/lock.txt
	$(UV) pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	$(UV) pip check --python $(BIN)/python
	@touch $@

COMPILE := pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-annotate --custom-compile-command "make lock"

lock:  ## resolve pyproject.toml anew into requirements/ and environment.yml
	@test -x $(UV) || $(MAKE) env
	$(UV) $(COMPILE) --group dev --group bench pyproject.toml -o requirements/lock.txt
	$(UV) $(COMPILE) requirements/bootstrap.in -o requirements/bootstrap.txt
	$(BIN)/python requirements/generate.py

# The sample world has a store of its own: made-up data never mixes with real.
sample report lab test check bench: export VIRALITY_STORE ?= $(CURDIR)/data/sample

sample: env
	@$(BIN)/virality simulate
	@test -d "$(VIRALITY_STORE)/models" || { echo "sample: learning how its items grow"; $(BIN)/virality train > /dev/null; }

report: env sample  ## every notebook on the sample world, published to reports/site/index.html
	@$(BIN)/virality report --all

lab: env sample  ## JupyterLab on notebooks/, with the sample world
	PLOTLY_RENDERER=plotly_mimetype $(BIN)/python -m jupyterlab --KernelManager.transport=ipc \
	  --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate --LabApp.news_url=None \
	  $(if $(filter 0,$(shell id -u)),--allow-root) notebooks/explore.ipynb

PYTEST := $(BIN)/python -m pytest
test: env sample  ## unit, property, planted-truth, notebook and browser tests
	$(PYTEST) -n 2 --dist loadfile --no-loadscope-reorder tests
	$(PYTEST) -n 2 --dist loadfile --nbval-lax --nbval-cell-timeout 120 notebooks
	$(PYTEST) --nbval --nbval-cell-timeout 120 tests/golden
	@echo "All tests passed. Next: make report, then open reports/site/index.html"

format: env
	$(BIN)/ruff format --check .

lint: env
	$(BIN)/ruff check .
	$(BIN)/python requirements/generate.py --check

types: env
	$(BIN)/mypy

architecture: env
	$(BIN)/lint-imports --no-cache

check: format lint types architecture test  ## all that CI checks

bench: env sample  ## every benchmark; writes its figures into docs/figures and docs/models.md
	@for file in benchmarks/bench_*.py; do \
	  echo "== $$file"; $(BIN)/python -m benchmarks.$$(basename $$file .py); done
	$(BIN)/python -m benchmarks.document

vendor: env  ## the referrer lists anew, from a folder: make vendor FROM=path/to/matomo/lists
	$(BIN)/python -m analysis.traffic.vendor $(FROM)

clean:  ## remove what was built (not the stores, not the environment)
	rm -rf reports/site reports/failures .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
