# make run    starts everything:  PORT=8000 HOST=127.0.0.1 DATA_DIR=.data
# make test   runs every test with a real PostgreSQL and a real Redis
# The rest is for those who develop Ancrage. PYTHON=/path/to/python3 chooses the interpreter.

BIN := .venv/bin
READY_RUN := .venv/.ready-run
READY_DEV := .venv/.ready-dev
READY_BENCH := .venv/.ready-bench
COMPILE := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-header --quiet

.PHONY: help run install worker test lint format lock openapi typescript bench relevance search-faults probes soak clean
.DEFAULT_GOAL := run

# exec: Ctrl-C and SIGTERM reach the application itself.
run: $(READY_RUN)
	@exec $(BIN)/ancrage run

install: $(READY_RUN)

worker: $(READY_RUN)
	@exec $(BIN)/ancrage worker

# ARGS="-k search" narrows; ARGS="-n 0" runs in one process.
test: $(READY_DEV)
	@$(BIN)/python -m pytest --numprocesses auto --dist loadgroup $(ARGS)

lint: $(READY_DEV)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@# Apart: the folder alembic would hide the package of the same name.
	@$(BIN)/mypy --no-explicit-package-bases alembic/env.py alembic/versions
	@$(BIN)/lint-imports --no-cache --no-logo
	@if grep -nE '://|^-| @ ' requirements*.lock; then echo "A lock must name no address." >&2; exit 1; fi

format: $(READY_DEV)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

# UPGRADE=--upgrade takes the newest versions; without it only what pyproject.toml changed moves.
lock: $(READY_RUN)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(COMPILE) $(UPGRADE) --group build --output-file requirements.lock
	@$(COMPILE) $(UPGRADE) --group build --group dev --constraint requirements.lock --output-file requirements-dev.lock
	@$(COMPILE:pyproject.toml=) $(UPGRADE) --group bench --constraint requirements-dev.lock --output-file requirements-bench.lock

openapi: $(READY_RUN)
	@$(BIN)/ancrage openapi > openapi/openapi.json.new && mv openapi/openapi.json.new openapi/openapi.json

help:
	@echo "make run         everything, on HOST:PORT, data under DATA_DIR"
	@echo "make worker      background work in a process of its own"
	@echo "make test        every test; ARGS=\"-k search\" narrows"
	@echo "make lint        style, types, floors; make format mends style"
	@echo "make openapi     write openapi/openapi.json again"
	@echo "make typescript  compile a client generated from it (needs npm)"
	@echo "make lock        resolve the locks again; UPGRADE=--upgrade for newer versions"
	@echo "make bench       measure against others, write docs/benchmarks.md; BENCH=walls: one subject alone"
	@echo "make relevance   measure what search finds, over the shared postings; ARGS=\"--worst 20\""
	@echo "make probes      ten thousand attempts to read what is not shown"
	@echo "make soak        kill the application again and again; MINUTES=10"
	@echo "make clean       remove what make can make again; your data stay"

# Needs npm: generates a TypeScript client from the committed document and compiles a program that uses it.
typescript:
	@cd tests/typescript && npm install --no-package-lock --no-audit --no-fund --silent && npm run --silent check

# Everything, beside its peers, in one run of about ten minutes: docs/benchmarks.md is written anew.
# BENCH="walls tasks" runs these of benchmarks/ instead, each alone; ARGS go to each (ARGS=--help says which).
BENCH ?= comparison
bench: $(READY_BENCH)
	@for name in $(BENCH); do echo "== $$name"; $(BIN)/python -m benchmarks.$$name $(ARGS) || exit 1; done

# recall@10, nDCG@10 and MRR of each engine, and their agreement: docs/relevance.md.
relevance: $(READY_DEV)
	@$(BIN)/python -m benchmarks.relevance $(ARGS)

# Edits and searches while Meilisearch (on the PATH) is killed, hung, wiped and rebuilt; ARGS="--minutes 5".
search-faults: $(READY_DEV)
	@$(BIN)/python -m benchmarks.search_faults $(ARGS)

# Ten thousand attempts to read what a territory does not show; make test makes fewer.
probes: $(READY_DEV)
	@ANCRAGE_PROBES=$(or $(PROBES),5000) $(BIN)/python -m pytest -n 2 -s tests/search/test_probes.py $(ARGS)

# MINUTES=10 of the whole application under load while it and its PostgreSQL are killed again and again.
soak: $(READY_DEV)
	@$(BIN)/python -m benchmarks.soak --minutes $(or $(MINUTES),10) $(ARGS)

# What make can make again. The data folder is yours: it stays.
clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY_RUN): requirements.lock pyproject.toml .ci/bootstrap
	@.ci/bootstrap run

$(READY_DEV): requirements-dev.lock $(READY_RUN)
	@.ci/bootstrap dev

$(READY_BENCH): requirements-bench.lock $(READY_DEV)
	@.ci/bootstrap bench
