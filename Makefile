# Orion Loyalty. `make run` starts it, `make test` proves it; `make help` lists the rest.
# Works with GNU Make 3.81 and a plain /bin/sh. Everything is installed into .venv and node_modules.

PYTHON ?= python3
BROWSER ?= chromium
BIN := .venv/bin
UV_INSTALL := $(BIN)/uv pip install --quiet --no-config --python $(BIN)/python
LOCKS := requirements-uv.txt requirements.txt requirements-build.txt requirements-dev.txt
LOCK := $(BIN)/uv pip compile --quiet --no-config --upgrade --universal --python-version 3.11 \
	--only-binary :all: --generate-hashes --no-emit-index-url --no-annotate --no-header
PYTEST_ARGS ?=

export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONUTF8 := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help run test lint lint-locks bench screenshots build dev lock clean
.DEFAULT_GOAL := help

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /|/' | awk -F'|' '{printf "  make %-12s %s\n", $$1, $$2}'

run: app/static/.ok ## Set up, load the demo shops once, serve on http://127.0.0.1:8000 (ORION_PORT)
	@$(BIN)/orion serve --demo

build: app/static/.ok ## Styles, scripts, font and icons into app/static

dev: .venv/dev.ok app/static/.ok ## Everything a developer needs, without running anything

test: .venv/dev.ok app/static/.ok ## All tests; BROWSER=none leaves the browser tests out
	@sh scripts/system_parts.sh $(BROWSER)
	@$(BIN)/python -m pytest --ignore=tests/browser -n 2 --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)
ifeq ($(BROWSER),none)
	@echo 'BROWSER=none: left out tests/browser (every test that needs a real browser).'
else
	@$(BIN)/python -m pytest tests/browser -n 2 --dist loadfile $(PYTEST_ARGS)
endif

lint: .venv/dev.ok node_modules/.ok lint-locks ## ruff, mypy, import contracts, templates, TypeScript, lock files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy app tests bench
	$(BIN)/lint-imports
	$(BIN)/djlint app --lint --quiet
	$(BIN)/npx --no-install tsc --noEmit

lint-locks:
	@sh scripts/check_locks.sh

bench: .venv/dev.ok app/static/.ok ## Measure the stamp, the lists, the statistics, the expiry, passes and wallets
	@$(BIN)/python -m bench.stamp
	@$(BIN)/python -m bench.growth
	@$(BIN)/python -m bench.statistics
	@$(BIN)/python -m bench.expiry
	@$(BIN)/python -m bench.passes
	@$(BIN)/python -m bench.wallets

screenshots: .venv/dev.ok app/static/.ok ## Photograph the pages into docs/images
	@sh scripts/system_parts.sh chromium
	@$(BIN)/python scripts/screenshots.py

lock: .venv/uv.ok ## Make the lock files anew, with the newest versions
	$(LOCK) requirements/uv.in -o requirements-uv.txt
	$(LOCK) requirements/runtime.in -o requirements.txt
	$(LOCK) requirements/build.in -o requirements-build.txt
	$(LOCK) --constraint requirements.txt --constraint requirements-build.txt \
		requirements/dev.in -o requirements-dev.txt
	$(UV_INSTALL) --require-hashes --only-binary :all: -r requirements-build.txt
	$(BIN)/npm install --package-lock-only --ignore-scripts
	@sh scripts/check_locks.sh

clean: ## Remove what was installed and built; the data in var/ stays
	rm -rf .venv node_modules app/static build dist *.egg-info \
		.mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

.venv/uv.ok: requirements-uv.txt
	@PYTHON='$(PYTHON)' sh scripts/python_parts.sh
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --require-hashes --only-binary :all: -r requirements-uv.txt
	@touch $@

.venv/run.ok: requirements.txt requirements-build.txt pyproject.toml .venv/uv.ok
	$(UV_INSTALL) --require-hashes --only-binary :all: -r requirements.txt -r requirements-build.txt
	$(UV_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev.ok: requirements-dev.txt .venv/run.ok
	$(UV_INSTALL) --require-hashes --only-binary :all: -r requirements-dev.txt
	@touch $@

node_modules/.ok: package.json package-lock.json .npmrc .venv/run.ok
	$(BIN)/npm ci --include=dev --no-fund --no-audit --loglevel=error
	@touch $@

app/static/.ok: node_modules/.ok $(shell find frontend 2>/dev/null) \
		$(shell find app -name '*.html' 2>/dev/null)
	$(BIN)/node frontend/build.mjs
	@touch $@
