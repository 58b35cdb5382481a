# hacluster: what can be done here. `make` alone lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := python3-venv git iproute2 iputils-ping iputils-arping procps psmisc kmod util-linux e2fsprogs curl iptables \
	gawk bc postgresql-15 redis-server resource-agents fence-agents cluster-glue crmsh pacemaker-cli-utils chromium fonts-noto-cjk tmux
# What was set up is remembered by the contents it was made from, so a second call costs nothing.
STAMP := $(VENV)/.set-up-$(shell cat requirements.txt pyproject.toml Makefile | sha256sum | cut -c1-16)

.PHONY: help setup demo test check unit scenes sim sims fuzz golden packets lab lab-days browser bench soak

help:
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(STAMP) ## install what hacluster needs: Debian packages (as root) and .venv

$(STAMP): requirements.txt pyproject.toml Makefile .ci/install-packages
	@.ci/install-packages $(PACKAGES)
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --root-user-action ignore -r requirements.txt
	@# As a plain path: the finder of the other way costs every short command 14 ms of its 80.
	@$(BIN)/pip install --quiet --disable-pip-version-check --root-user-action ignore --no-deps -e . \
		--config-settings editable_mode=compat
	@$(BIN)/python .ci/compile-catalogues
	@rm -f $(VENV)/.set-up-*
	@touch $@

demo: setup ## pm01 and pm02 with the sheet's PostgreSQL and a console each, until Ctrl-C (without root: on loopback)
	@$(BIN)/python -m tests.lab.demo

test: setup ## everything: style, types, all tests; prints the wall time
	@started=$$(date +%s); status=0; \
	$(MAKE) --no-print-directory check || status=1; \
	$(BIN)/pytest -rs || status=1; \
	echo "wall time: $$(( $$(date +%s) - started )) s"; exit $$status

check: setup ## style and types only
	@status=0; $(BIN)/ruff check . || status=1; $(BIN)/ruff format --check --quiet . || status=1; \
	$(BIN)/mypy || status=1; exit $$status

unit: setup ## the quick tests: unit, golden, property
	@$(BIN)/pytest tests/unit tests/golden tests/property

scenes: setup ## the four scenes of the talk (as root): make scenes REPEAT=10
	@$(BIN)/python -m tests.lab.scenes --repeat $(or $(REPEAT),1)

golden: setup ## golden cases; `make golden UPDATE=1` writes what is new, then read the diff
	@$(BIN)/pytest tests/golden $(if $(UPDATE),--update-golden)

sim: setup ## one seed of the simulation: make sim SEED=18442
	@$(BIN)/python -m tests.simulation --seed $(or $(SEED),1)

sims: setup ## many seeds: make sims N=1000
	@$(BIN)/python -m tests.simulation --seeds $(or $(N),1000)

fuzz: setup ## mutated sheets, crm texts and documents: make fuzz N=200000 FIRST=0
	@$(BIN)/python -m tests.property.fuzz $(or $(N),10000) $(or $(FIRST),0)

lab: setup ## real agents in network namespaces (as root)
	@$(BIN)/pytest tests/lab -rs

lab-days: setup ## bad days for real agents and sockets (as root): make lab-days N=60
	@$(BIN)/python -m tests.lab.schedules --seeds 1-$(or $(N),10)

packets: setup ## random and mutated packets against a real engine: make packets N=1000000
	@$(BIN)/python -m tests.contract.packets $(or $(N),100000)

soak: setup ## no node looks dead on a busy machine (as root): make soak MINUTES=30
	@$(BIN)/python -m bench.soak --minutes $(or $(MINUTES),30)

browser: setup ## the console in a real Chromium
	@$(BIN)/pytest tests/browser -rs

bench: setup ## seconds from a crash to `select 1`, split into detect, fence, start (as root): make bench REPEAT=5
	@$(BIN)/python -m bench.failover --repeat $(or $(REPEAT),5)
