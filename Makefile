# Everything starts from a bare machine with Python 3.11 or newer and make:
#
#   make demo    make the environment and serve examples/orders on http://127.0.0.1:3000
#   make test    make the environment and pass everything: lint, types, tests
#   make stress  run the long tests of faults, which want root and fiu-utils for some of them
#   make docs    build the documentation into build/docs; a warning or a dead link fails
#   make soak    live a day of mixed load and faults in SOAK_MINUTES (10), all of it counted
#   make fuzz    try FUZZ_EXAMPLES (20000) random inputs on each reader of others' input
#   make audit   look for known holes in all that is pinned; 2 where no service could be asked
#   make dist    build wheel and source distribution into dist, with a CycloneDX SBOM beside
#   make bench   make the environment and run all benchmarks with the peers that are there
#   make bench-peers   make an environment with every peer, Motia too, and run all beside them
#
# PYTHON chooses the interpreter, ARGS is handed on: make pytest ARGS="-k mailbox -x". JOBS says how
# many tests run at a time.

PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)
VENV := .venv
BENCH_VENV := .venv-bench
BIN := $(VENV)/bin
# Newer than what the environment was made from: then there is nothing to do.
STAMP := $(VENV)/stamp
PIP_AUDIT := 2.10.1
CYCLONEDX := 7.5.0
EXAMPLE ?= examples/orders
SOAK_MINUTES ?= 10
ARGS ?=
JOBS ?= 2
FUZZ_EXAMPLES ?= 20000

.DEFAULT_GOAL := help
.PHONY: help venv demo test lint types workbench screenshots pytest fast stress fuzz soak format docs links bench bench-peers audit dist clean

help:
	@sed -n 's/^#   //p' $(firstword $(MAKEFILE_LIST))

venv: $(STAMP)

$(STAMP): setup.cfg pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; none was found" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/pip install --quiet --no-input \
		--constraint constraints.txt --editable '.[test,bench,docs]'
	@touch $@

demo: $(STAMP)
	$(BIN)/motia-actors start --project $(EXAMPLE) $(ARGS)

test: lint types docs pytest

# Quick where its sources did not change.
workbench: $(STAMP)
	@$(BIN)/python build_backend/workbench_build.py

# The pictures of the docs, anew.
screenshots: $(STAMP) workbench
	$(BIN)/python -m tests.workbench.pictures docs/workbench

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy
	$(BIN)/python build_backend/workbench_build.py --types

# Two at a time, since most of them wait for a server of theirs more than they compute. The examples
# have a process of their own each: their modules are called `steps`, as those of other projects are.
pytest: $(STAMP) workbench
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile tests $(ARGS)
	$(BIN)/python -m pytest examples/orders/tests
	$(BIN)/python -m pytest examples/helpdesk/tests

fast: $(STAMP)
	$(BIN)/python -m pytest tests -m "not slow and not stress" $(ARGS)

stress: $(STAMP)
	$(BIN)/python -m pytest tests -m stress -ra $(ARGS)

soak: $(STAMP)
	SOAK_MINUTES=$(SOAK_MINUTES) $(BIN)/python -m pytest tests/battery/test_day.py -m stress -s $(ARGS)

fuzz: $(STAMP)
	FUZZ_EXAMPLES=$(FUZZ_EXAMPLES) $(BIN)/python -m pytest tests/fuzz -ra $(ARGS)

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# All pages, each link between them and each anchor; -E: nothing is taken from a build before.
docs: $(STAMP)
	$(BIN)/python -m sphinx -W --keep-going -E -q -b html docs build/docs

# The links to elsewhere, which takes a network.
links: $(STAMP)
	$(BIN)/python -m sphinx -q -b linkcheck docs build/links

bench: $(STAMP)
	@$(BIN)/python -m bench $(ARGS)

# An environment of its own, because Celery names the one version of python-dateutil it takes.
bench-peers: $(BENCH_VENV)/stamp
	@$(BENCH_VENV)/bin/python -m bench --peers all $(ARGS)

$(BENCH_VENV)/stamp: setup.cfg constraints.txt
	@command -v redis-server >/dev/null \
		|| { echo "redis-server is needed: apt-get install redis-server" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(BENCH_VENV)
	sed '/^python-dateutil/d' constraints.txt > $(BENCH_VENV)/constraints.txt
	PIP_DISABLE_PIP_VERSION_CHECK=1 $(BENCH_VENV)/bin/pip install --quiet --no-input \
		--constraint $(BENCH_VENV)/constraints.txt --editable '.[bench,bench-celery,node]'
	$(BENCH_VENV)/bin/python -m bench.peers.motia
	@touch $@

# Tools of their own environment: their dependencies are none of ours.
build/tools/stamp: Makefile
	$(PYTHON) -m venv --clear build/tools
	PIP_DISABLE_PIP_VERSION_CHECK=1 build/tools/bin/pip install --quiet --no-input \
		pip-audit==$(PIP_AUDIT) cyclonedx-bom==$(CYCLONEDX) build
	@touch $@

audit: build/tools/stamp
	build/tools/bin/python build_backend/audit.py

# The SBOM names what the wheel installs, at the versions of constraints.txt.
dist: build/tools/stamp
	rm -rf dist build/wheel
	build/tools/bin/python -m build --outdir dist
	$(PYTHON) -m venv --clear build/wheel
	PIP_DISABLE_PIP_VERSION_CHECK=1 build/wheel/bin/pip install --quiet --no-input \
		--constraint constraints.txt dist/*.whl
	build/wheel/bin/pip uninstall --quiet --yes pip
	build/tools/bin/cyclonedx-py environment --output-reproducible \
		--output-file "$$(ls dist/*.whl | sed 's/whl$$/cdx.json/')" build/wheel/bin/python

clean:
	rm -rf $(VENV) $(BENCH_VENV) build .mypy_cache .ruff_cache .hypothesis examples/*/.motia
