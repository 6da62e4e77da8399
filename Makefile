# The two commands: `make run` serves Flix on this machine, `make test` checks what a change can break. What operators
# need beyond these is in ./flix, the command line; run, import-baseline, backup and restore call it.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
PYTEST = .venv/bin/pytest -n auto --dist loadfile --no-loadscope-reorder
INSTALL = .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes
COMPILE = uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --quiet

.PHONY: help run import-baseline backup restore test test-full test-compose proof bench bench-spike release-check format openapi openapi-examples lock clean

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST)

run: .venv/run ## Migrate, seed demo into a new installation, serve until Ctrl-C
	@exec ./flix up

# TO, FILE, YES and SAFETY reach the shell as environment variables, so that it does not interpret their text.
import-baseline: .venv/run ## FILE=flix.sqlite: import an old installation [DRY_RUN=1] [SKIP_INVALID=1]
	@test -n "$$FILE" || { echo "name the old installation's file: make import-baseline FILE=flix.sqlite" >&2; exit 2; }
	@exec ./flix import $(if $(filter 1,$(DRY_RUN)),--dry-run) $(if $(filter 1,$(SKIP_INVALID)),--skip-invalid) -- "$$FILE"

backup: .venv/run ## Copy every database into one file while Flix serves [TO=folder]
	@exec ./flix backup $${TO:+--to "$$TO"}

restore: .venv/run ## Verify a backup, then replace every database by it: FILE=file [YES=1] [SAFETY=no]
	@exec ./flix restore $${YES:+--yes} $$([ "$$SAFETY" != no ] || echo --without-safety-backup) \
	  -- "$${FILE:?is missing: make restore FILE=data/backups/flix-....tar}"

test: checks ## Format, lint, types, import walls, migration drift, and the tests that take under five minutes
	@$(PYTEST) -m "not full" -rfEs

test-full: checks tests/tools/node_modules/.package-lock.json ## What CI runs: every test on both engines, then the deployment in containers (needs Docker)
	@$(PYTEST) -rfEs
	@$(MAKE) --no-print-directory test-compose

test-compose: .venv/test ## The second half of test-full alone: the journeys and the deployment in containers
	@.venv/bin/pytest --stack=compose -rfEs tests/compose tests/journeys

proof: .venv/test ## Before an issue is closed: faults, 100,000 fuzzed requests and roll-outs at full size (two hours)
	@PROOF=1 .venv/bin/pytest -n auto --dist worksteal tests/faults
	@PROOF=1 .venv/bin/pytest -n0 tests/fuzz
	@PROOF=1 .venv/bin/pytest --stack=compose tests/compose

BENCH = $(if $(ENGINE),--engine $(ENGINE)) $(if $(WORKERS),--workers $(WORKERS)) $(if $(RATES),--rates $(RATES))

bench: .venv/test ## Measure beside bare Falcon and FastAPI in 25 minutes, write docs/benchmarks.md [ROUNDS=3] [SECONDS=3] [ENGINE=sqlite] [WITHOUT=large,overload] [ONLY=catalog,bare]
	@.venv/bin/python -m tests.bench $(BENCH) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SECONDS),--seconds $(SECONDS)) \
	  $(if $(WITHOUT),--without "$(WITHOUT)") $(if $(ONLY),--only "$(ONLY)")

bench-spike: .venv/test ## Five mixed calls at fixed rates while a lesson opens [RATES=300,2000] [SECONDS=15] [ENGINE=postgresql]
	@.venv/bin/python -m tests.bench.spike $(BENCH) $(if $(SECONDS),--seconds $(SECONDS))

.PHONY: checks
checks: .venv/test
	@.venv/bin/ruff format --check --quiet . || { echo "run make format"; exit 1; }
	@.venv/bin/ruff check --quiet .
	@.venv/bin/mypy
	@walls=$$(.venv/bin/lint-imports) || { echo "$$walls"; exit 1; }; echo "$$walls" | tail -n 1
	@for service in content quiz auth; do $(MAKE) --no-print-directory drift SERVICE=$$service || exit 1; done

.PHONY: drift
drift: .venv/test
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && export DATABASE_URL="sqlite:///$$folder/drift.sqlite" && \
	.venv/bin/python -m services.$(SERVICE) migrate up >/dev/null && \
	printf '%s: models and migrations: ' $(SERVICE) && .venv/bin/python -m services.$(SERVICE) migrate check

release-check: .venv/test ## Lock, known vulnerabilities, SBOM, licences, secrets in tree and images, to data/release [WITHOUT_AUDIT=1]
	@exec .venv/bin/python -m deploy.release $(if $(filter 1,$(WITHOUT_AUDIT)),--without-audit)

format: .venv/test ## Let ruff rewrite the sources
	@.venv/bin/ruff check --fix --quiet . ; .venv/bin/ruff format .

openapi: .venv/test ## Generate gateway/openapi.yaml from the routes and the declarations of responders
	@.venv/bin/python -m deploy.openapi

openapi-examples: .venv/test ## Record the responses that the document shows, from a new installation of the demo season
	@.venv/bin/python -m tests.tools.record

lock: ## Resolve the dependencies again (needs uv)
	$(COMPILE) --group tools -o requirements.lock
	$(COMPILE) --group dev -o requirements-dev.lock
	$(COMPILE) tests/bench/peer/requirements.in -o tests/bench/peer/requirements.lock

clean: ## Remove the environment and the caches, never data/
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# The environment: rebuilt when a lock file is newer, and from nothing when its Python is gone, whose links stay behind.
.venv/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing: install Python 3.11 or later, or set PYTHON" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is too old: Python 3.11 or later is needed; set PYTHON" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make environments: install its venv package (python3-venv on Debian)" >&2; exit 1; }
	@$(PYTHON) -m venv --clear .venv

.venv/run: .venv/bin/python requirements.lock
	@echo "installing the packages of requirements.lock"
	@$(INSTALL) -r requirements.lock
	@touch $@

# Public tools for the published document; without npm their tests are skipped, and fail in CI.
tests/tools/node_modules/.package-lock.json: tests/tools/package-lock.json
	@if command -v npm >/dev/null; then cd tests/tools && npm ci --silent --no-audit --no-fund && touch node_modules/.package-lock.json; fi

.venv/test: .venv/bin/python requirements-dev.lock
	@echo "installing the packages of requirements-dev.lock"
	@$(INSTALL) -r requirements-dev.lock
	@touch $@ .venv/run
