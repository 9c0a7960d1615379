# Everything runs in .venv, which the first target that needs it makes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo docs test test-all lint types imports unit bench format clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(READY) ## Make .venv with everything installed

$(READY): setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,docs]'
	touch $@

demo: $(READY) ## Turn cars: render, find poses, train, sample, report (10 minutes to an hour, by the processor)
	$(BIN)/mirage run experiment=demo

docs: $(READY) ## Build the documentation: open site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# What takes long, marked e2e, is left to test-all; each kind of it has a smaller one in test.
MARKED := -m "not e2e"

# After what takes seconds, types are checked beside the tests; if one fails, the other is told too.
test: lint imports ## Format, lint, import order, types and tests, in some minutes
	@$(MAKE) --no-print-directory --keep-going --jobs 2 types unit MARKED='$(MARKED)' || \
		{ echo "make test: FAILED; mypy's errors, if any, stand among the tests' dots" >&2; exit 1; }

test-all: MARKED :=
test-all: test ## The same with every test there is: before a change goes in

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

imports: $(READY)
	$(BIN)/lint-imports

unit: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(MARKED)

bench: $(READY) ## Time k-means, features, the data path, orbits and training against their peers, and training on two processes
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python benchmarks/kmeans.py
	$(BIN)/python benchmarks/features.py
	$(BIN)/python benchmarks/data_path.py
	$(BIN)/python benchmarks/orbit.py --resolutions 32 64
	$(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/orbit_memory.py
	$(BIN)/python benchmarks/scaling.py

format: $(READY) ## Format and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## Remove the environment and caches; runs/ stays
	rm -rf $(VENV) build site *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
