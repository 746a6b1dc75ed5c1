# Two commands do everything on a fresh machine: make run, make test.
#   make run TORCH_INDEX=URL another build of torch than PyPI's (cpu, cu126, rocm6.4 …): the address pytorch.org names
#                            for it under "Get started"
#   make test PYTHON=python3.12
PYTHON ?= python3
TORCH_INDEX ?=
VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/.installed
DEV := $(VENV)/.installed-dev
OFF := GRADIO_ANALYTICS_ENABLED=False HF_HUB_DISABLE_TELEMETRY=1 HF_HUB_DISABLE_UPDATE_CHECK=1
PYTEST := $(OFF) $(BIN)/python -m pytest
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: setup run test test-gpu fuzz audit lint docs site bench clean

setup: $(RUN) ## install what running needs and fetch the default weights, once
	@$(BIN)/python -m workbench models fetch

$(RUN): requirements.txt constraints.txt pyproject.toml
	@echo "Installing what running needs into $(VENV): on Linux about 3.4 GB to download and 7 GB on disk, of which"
	@echo "torch and CUDA are 3.0 GB; some minutes. Without a CUDA card, TORCH_INDEX=URL of the cpu build leaves 2.4 GB of it out."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) --upgrade pip
	@$(if $(TORCH_INDEX),PIP_INDEX_URL=$(TORCH_INDEX) $(PIP) --no-deps torch torchvision)
	$(PIP) -r requirements.txt -e .
	@touch $@

$(DEV): $(RUN) ## what testing needs besides
	@echo "Installing what the tests need besides: about 0.2 GB to download."
	$(PIP) -e ".[dev]"
	@touch $@

run: setup ## open the app on port 7860
	$(OFF) $(BIN)/python app.py

test: setup $(DEV) ## everything that can be checked here; prints what it skipped
	$(PYTEST) tests --ignore=tests/browser -n 3 --dist loadfile --no-loadscope-reorder
	$(PYTEST) tests/browser

test-gpu: setup $(DEV) ## the models on this machine's graphics card, beside the processor, with times
	$(PYTEST) tests/gpu -m gpu

fuzz: setup $(DEV) ## damaged and forged input of every kind for an hour; FUZZ_SECONDS=600 for ten minutes
	FUZZ_SECONDS=$${FUZZ_SECONDS:-3600} $(PYTEST) tests/fuzz -s --timeout 0

audit: $(DEV) ## known holes in what is installed (asks the public advisory database)
	$(PIP) pip-audit
	$(BIN)/pip-audit -r constraints.txt --disable-pip --no-deps

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m workbench spaces check

site: $(RUN) ## the documentation with the library reference as a site in site/
	$(PIP) -e ".[docs]"
	$(BIN)/mkdocs build --strict

docs: $(RUN) ## write the generated parts of the README, the Spaces and docs/api.md
	$(BIN)/python -m workbench spaces write
	$(BIN)/python -m workbench api --write

bench: setup $(DEV) ## print every benchmark table (a quiet machine, please)
	for script in $$(ls benchmarks/*.py | grep -v "measure.py\|drawn_clip.py\|labeling_server.py"); do echo "== $$script"; $(OFF) $(BIN)/python $$script || exit 1; done

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache
