# make demo and make test do all the set-up that they need; see README.md.
# The first interpreter that runs and is new enough: a name alone proves nothing, since version
# managers put names on the path that answer only with an error.
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& { echo $$name; break; }; done)
BIN := .venv/bin
# More than most machines have cores, since the tests wait a lot: for lags, brokers and terminals.
WORKERS ?= 4

.PHONY: help demo test check format bench soak screenshots clean

help:
	@echo "make demo         try the program with sample files and an embedded broker"
	@echo "make test         run all tests (starts Apache Kafka by itself)"
	@echo "make check        ruff, mypy and the import contracts"
	@echo "make bench        measure the speed beside a bare loop"
	@echo "make soak         random faults for SECONDS=600"
	@echo "make screenshots  draw the pictures of the README again"
	@echo "make clean        remove .venv and everything that was built"

.venv/bin/python:
	$(if $(PYTHON),,$(error Python 3.11 or newer is needed; name one with make PYTHON=...))
	$(PYTHON) -m venv .venv

.venv/.run: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

.venv/.dev: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ .venv/.run

demo: .venv/.run
	$(BIN)/DataFileUploadDirectory --demo

test: .venv/.dev
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(PYTEST)

check: .venv/.dev
	$(BIN)/ruff check tui tests
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: .venv/.dev
	$(BIN)/python -m tests.benchmarks

soak: .venv/.dev
	$(BIN)/python -m tests.faults.soak --seconds $(or $(SECONDS),600)

screenshots: .venv/.dev
	$(BIN)/python -m tests.screenshots

clean:
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
