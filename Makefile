# Everything starts from a bare machine with Python 3.11 or newer and make:
#
#   make demo    make the environment and serve examples/orders on http://127.0.0.1:3000
#   make test    make the environment and pass everything: lint, types, tests
#   make stress  run the long tests of faults, which want root and fiu-utils for some of them
#   make bench   make the environment and print one row of figures for each benchmark
#   make bench-peers   make an environment with Dramatiq and Celery, print one row beside them
#
# PYTHON chooses the interpreter, ARGS is handed on: make pytest ARGS="-k mailbox -x".

PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)
VENV := .venv
BENCH_VENV := .venv-bench
BIN := $(VENV)/bin
# Newer than what the environment was made from: then there is nothing to do.
STAMP := $(VENV)/stamp
EXAMPLE ?= examples/orders
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help venv demo test lint types workbench screenshots pytest fast stress format bench bench-peers clean

help:
	@sed -n 's/^#   //p' $(firstword $(MAKEFILE_LIST))

venv: $(STAMP)

$(STAMP): setup.cfg pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; none was found" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/pip install --quiet --no-input \
		--constraint constraints.txt --editable '.[test]'
	@touch $@

demo: $(STAMP)
	$(BIN)/motia-actors start --project $(EXAMPLE) $(ARGS)

test: lint types pytest

# Quick where its sources did not change.
workbench: $(STAMP)
	@$(BIN)/python build_backend/workbench_build.py

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy
	$(BIN)/python build_backend/workbench_build.py --types

pytest: $(STAMP) workbench
	$(BIN)/python -m pytest tests examples/orders/tests $(ARGS)

fast: $(STAMP)
	$(BIN)/python -m pytest tests -m "not slow and not stress" $(ARGS)

stress: $(STAMP)
	$(BIN)/python -m pytest tests -m stress -ra $(ARGS)

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)
	@for bench in ask emit store; do $(BIN)/python -m bench.bench_$$bench $(ARGS) || exit 1; done

# An environment of its own, because Celery names the one version of python-dateutil it takes.
bench-peers: $(BENCH_VENV)/stamp
	@$(BENCH_VENV)/bin/python -m bench.bench_emit --peers $(ARGS)

$(BENCH_VENV)/stamp: setup.cfg constraints.txt
	@command -v redis-server >/dev/null \
		|| { echo "redis-server is needed: apt-get install redis-server" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(BENCH_VENV)
	sed '/^python-dateutil/d' constraints.txt > $(BENCH_VENV)/constraints.txt
	PIP_DISABLE_PIP_VERSION_CHECK=1 $(BENCH_VENV)/bin/pip install --quiet --no-input \
		--constraint $(BENCH_VENV)/constraints.txt --editable '.[bench]'
	@touch $@

clean:
	rm -rf $(VENV) $(BENCH_VENV) build .mypy_cache .ruff_cache .hypothesis examples/*/.motia
