# make demo and make test do all the set-up that they need; see README.md.
PYTHON ?= $(shell command -v python3.13 || command -v python3.12 || command -v python3.11 || echo python3)
BIN := .venv/bin
# Two workers: each has a Kafka broker of its own.
WORKERS ?= 2

.PHONY: help demo test check format bench soak screenshots clean

help:
	@echo "make demo         try the program with sample files and an embedded broker"
	@echo "make test         run all tests (starts Apache Kafka by itself)"
	@echo "make check        ruff, mypy and the import contracts"
	@echo "make bench        measure the speed beside a bare loop"
	@echo "make soak         random faults for SECONDS=600"
	@echo "make screenshots  draw the pictures of the README again"
	@echo "make clean        remove .venv and everything that was built"

.venv/.run: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

.venv/.dev: pyproject.toml
	$(PYTHON) -m venv .venv
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
