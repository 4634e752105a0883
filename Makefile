# Every task in one line: make help
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
UV := .tools/bin/uv
BIN := .venv/bin
INSTALL = VIRTUAL_ENV=.venv $(UV) pip install -q --build-constraints requirements-build.lock
COMPILE = $(UV) pip compile -q --upgrade --universal --generate-hashes --no-emit-index-url \
  --no-emit-find-links --no-annotate --no-header --python-version 3.11
export UV_PYTHON_DOWNLOADS := never

.PHONY: help demo test test-faults check format bench bench-scale lock clean

help: ## List the tasks
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /make \1\t/' | expand -t 20

demo: .venv/run ## Run the whole service here with a demo merchant (PORT=8080)
	@exec $(BIN)/passmint demo

test: .venv/dev ## Set up everything and run all tests
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-faults: .venv/dev ## Kill processes, crash databases and vex APNs at length (minutes)
	@$(BIN)/python -m pytest tests/faults -m ""

check: .venv/dev ## Format, lint, types and import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: .venv/dev ## Put the code in shape
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: .venv/dev ## Measure the speed (minutes; also written to var/bench.json)
	@$(BIN)/python -m benchmarks

bench-scale: .venv/dev ## Show that a million passes cost no more than a thousand (minutes)
	@$(BIN)/python -m benchmarks.scale

lock: $(UV) ## Renew the pinned dependencies
	@$(COMPILE) pyproject.toml -o requirements.lock
	@$(COMPILE) pyproject.toml --group dev -o requirements-dev.lock
	@$(COMPILE) --group build -o requirements-build.lock
	@$(COMPILE) --group tools -o requirements-tools.lock

clean: ## Remove the environments and everything the demo made
	@rm -rf .venv .tools var dist

# Debian has no ensurepip and refuses a plain `pip install`: pip installs uv into .tools from outside.
$(UV): requirements-tools.lock
	@command -v $(PYTHON) >/dev/null || { echo "Python is missing: apt-get install python3 python3-pip"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Passmint needs Python 3.11 or newer: set PYTHON=python3.x"; exit 1; }
	@$(PYTHON) -m pip --version >/dev/null 2>&1 || { echo "pip is missing: apt-get install python3-pip"; exit 1; }
	@rm -rf .tools && $(PYTHON) -m venv --without-pip .tools
	@$(PYTHON) -m pip --disable-pip-version-check --python .tools/bin/python install -q --require-hashes -r $<
	@touch $@

.venv/run: requirements.lock requirements-build.lock pyproject.toml $(UV)
	@echo "Setting up the environment."
	@test -x $(BIN)/python || $(PYTHON) -m venv --without-pip .venv
	@$(INSTALL) --require-hashes -r requirements.lock
	@$(INSTALL) --no-deps -e .
	@touch $@

.venv/dev: requirements-dev.lock .venv/run
	@$(INSTALL) --require-hashes -r requirements-dev.lock
	@touch $@
