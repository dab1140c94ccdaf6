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

.PHONY: help env lock report test check lint format types architecture bench lab clean

help:  ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

env: $(V)/.stamp  ## the Python environment, from the lock

$(V)/.stamp: requirements/lock.txt requirements/bootstrap.txt pyproject.toml
	@echo "environment: creating $(V) (about a minute)"
	$(PYTHON) -m venv --clear $(V)
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	$(UV) pip install -q --python $(BIN)/python --require-hashes --compile-bytecode -r requirements/lock.txt
	$(UV) pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	$(UV) pip check --python $(BIN)/python
	@touch $@
