# Every target does its own set-up; none needs root. A second run starts at once.
VENV ?= .venv
BIN := $(VENV)/bin
export VENV

.PHONY: help demo test bench lint format docs requirements venv clean

help:
	@echo "make demo [IMAGE=path]  the main job on a real photograph, from marking to the webhook"
	@echo "make test [ARGS=...]    lint, types and all tests; ARGS go to pytest"
	@echo "make bench [QUICK=1]    all benchmarks, to benchmarks/results/: 1.5 hours, or with QUICK=1 minutes"
	@echo "                        IMAGES=folder of photographs, NEGATIVES=folder of unmarked ones, JOBS=2, ARGS=..."
	@echo "make lint               ruff and mypy"
	@echo "make format             let ruff tidy the code"
	@echo "make docs               write anew what the docs have from the code: the settings"
	@echo "make requirements       pin requirements/*.in anew (UPGRADE=1: to the newest)"
	@echo "make venv               the development environment in $(VENV)"
	@echo "make clean              remove what the above have made"

demo:
	@scripts/setup_venv.sh demo
	@$(BIN)/o2o demo $(if $(IMAGE),--image "$(IMAGE)")

venv:
	@scripts/setup_venv.sh dev

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Tests of one file share a process, so that what the file sets up is set up once. Files go in their own order: by
# default those of one long test would come last, when most processes have nothing left to do.
test: lint
	chromium=$$(scripts/find_chromium.sh) && O2O_CHROMIUM="$$chromium" $(BIN)/python -m pytest \
		-p tests.no_skips --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)

# The photographs aren't in this repository: results name their corpus by its hash.
IMAGES ?= ../shared/images/dev
NEGATIVES ?= ../shared/images/negatives
JOBS ?= 2

bench: venv
	$(BIN)/python -m benchmarks.bench --images "$(IMAGES)" --negatives "$(NEGATIVES)" --jobs $(JOBS) \
		$(if $(QUICK),--quick) $(ARGS)

format: venv
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: venv
	$(BIN)/python scripts/document_settings.py

requirements: venv
	scripts/pin_requirements.sh $(if $(UPGRADE),--upgrade)

clean:
	rm -rf $(VENV) build demo-out benchmarks/results/quick .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
