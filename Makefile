# hacluster: what can be done here. `make` alone lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := python3-venv git iproute2 iputils-ping iputils-arping procps psmisc kmod util-linux e2fsprogs curl iptables \
	gawk bc postgresql-15 redis-server resource-agents fence-agents cluster-glue chromium fonts-noto-cjk
# What was set up is remembered by the contents it was made from, so a second call costs nothing.
STAMP := $(VENV)/.set-up-$(shell cat requirements.txt pyproject.toml Makefile | sha256sum | cut -c1-16)

.PHONY: help setup demo test check unit scenes sim sims golden lab browser bench

help:
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(STAMP) ## install what hacluster needs: Debian packages (as root) and .venv

$(STAMP): requirements.txt pyproject.toml Makefile
	@.ci/install-packages $(PACKAGES)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	@rm -f $(VENV)/.set-up-*
	@touch $@

demo: setup ## a PostgreSQL pair from an Excel sheet with a console on each node; Ctrl-C ends it
	@$(BIN)/python -m tests.lab.demo

scenes: setup ## the four scenes of the pair, unattended: make scenes REPEAT=10 (as root)
	@$(BIN)/python -m tests.lab.scenes --repeat $(or $(REPEAT),1)

test: setup ## everything: style, types, all tests; prints the wall time
	@started=$$(date +%s); \
	$(MAKE) --no-print-directory check && $(BIN)/pytest -rs; status=$$?; \
	echo "wall time: $$(( $$(date +%s) - started )) s"; exit $$status

check: setup ## style and types only
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy

unit: setup ## the quick tests: unit, golden, property
	@$(BIN)/pytest tests/unit tests/golden tests/property

golden: setup ## golden cases; `make golden UPDATE=1` writes what is new, then read the diff
	@$(BIN)/pytest tests/golden $(if $(UPDATE),--update-golden)

sim: setup ## one seed of the simulation: make sim SEED=18442
	@$(BIN)/python -m tests.simulation --seed $(or $(SEED),1)

sims: setup ## many seeds: make sims N=1000
	@$(BIN)/python -m tests.simulation --seeds $(or $(N),1000)

lab: setup ## real agents in network namespaces (as root)
	@$(BIN)/pytest tests/lab -rs

browser: setup ## the console in a real Chromium
	@$(BIN)/pytest tests/browser -rs

bench: setup ## what a pair of agents costs and how quickly it changes its configuration
	@$(BIN)/python -m bench.agent_pair
