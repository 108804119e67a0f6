# `make` alone lists the targets. Needs Python 3.11 or newer, and nothing else; uses uv where it is there.

PYTHON ?= python3
EXTRAS ?= charts,objects
WORKERS ?= 2
CLUSTERS ?= 10000

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed-$(EXTRAS)
comma := ,
UV := $(shell command -v uv 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all test-random lint bench docs picture

help: ## List the targets.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(STAMP) ## Make .venv and install Paydown with its development tools (EXTRAS=charts,objects).

demo: $(STAMP) ## A synthetic month of a cluster, from facts to a page with the picture.
	@$(BIN)/paydown demo

test: $(STAMP) ## The quick suite.
	@$(BIN)/pytest -q -n $(WORKERS) -m "not slow"

test-all: $(STAMP) ## Every test, the slow ones included.
	@$(BIN)/pytest -q -n $(WORKERS)

test-random: $(STAMP) ## Compare the ledger with its brute-force twin on CLUSTERS=10000 random clusters.
	@PAYDOWN_RANDOM_CLUSTERS=$(CLUSTERS) $(BIN)/pytest -q -n $(WORKERS) tests/ledger

lint: $(STAMP) ## Style, types, import layers, docstrings, dead code, sizes.
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash tools/lint

bench: $(STAMP) ## Measure what the ledger, the store and the command line cost.
	@set -e; for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python "$$script"; done

docs: $(STAMP) ## Write the generated pages of docs/ again.
	@$(BIN)/python tools/docs.py

picture: $(STAMP) ## Draw the README's picture again.
	@$(BIN)/python tools/picture.py

$(STAMP): pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Paydown needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	@echo "Installing Paydown and its tools into $(VENV) ..."
ifneq ($(UV),)
	@$(UV) sync --quiet --frozen --python $(PYTHON) $(foreach extra,$(subst $(comma), ,$(EXTRAS)),--extra $(extra))
else
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python tools/constraints.py > $(VENV)/constraints.txt
	@$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	@$(BIN)/python -m pip install --quiet -c $(VENV)/constraints.txt -e ".[$(EXTRAS)]" --group dev
endif
	@touch $@
