# Two commands do everything on a fresh machine: make run, make test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
OFF := GRADIO_ANALYTICS_ENABLED=False HF_HUB_DISABLE_TELEMETRY=1 HF_HUB_DISABLE_UPDATE_CHECK=1
PYTEST := $(OFF) $(BIN)/python -m pytest

.PHONY: setup run test lint docs bench clean

setup: $(STAMP) ## install everything and fetch the embedded weights, once
	@$(BIN)/python -m workbench models fetch

$(STAMP): requirements.txt constraints.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet -c constraints.txt -r requirements.txt -e ".[dev]"
	@touch $(STAMP)

run: setup ## open the app on port 7860
	$(OFF) $(BIN)/python app.py

test: setup ## everything that can be checked here; prints what it skipped
	$(PYTEST) tests --ignore=tests/browser -n 2 --dist loadfile
	$(PYTEST) tests/browser

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m workbench spaces check

docs: $(STAMP) ## write the generated parts of the README and the Spaces
	$(BIN)/python -m workbench spaces write

bench: setup ## print every benchmark table (a quiet machine, please)
	for script in $$(ls benchmarks/*.py | grep -v measure.py); do echo "== $$script"; $(OFF) $(BIN)/python $$script || exit 1; done

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache
