PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
VLLM ?= .vllm

.DEFAULT_GOAL := help
.PHONY: help demo test check fmt bench wheel vllm browser

help:  ## Show what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(INSTALLED)  ## Optimize one problem of each family, without a key
	$(BIN)/agentopt demo

test: $(INSTALLED)  ## Run the default test suite
	$(BIN)/pytest

check: $(INSTALLED)  ## Lint, check formats and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

fmt: $(INSTALLED)  ## Format the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(INSTALLED)  ## Measure the graph; beside trace-opt with PEER=<python of its environment>
	$(BIN)/python -m tests.benchmarks.graph $(if $(PEER),--peer-python $(PEER))

wheel: $(INSTALLED)  ## Build the distribution, install it in a fresh environment, and try it
	$(BIN)/pytest -m wheel

vllm: $(INSTALLED) $(VLLM)/.installed  ## Test against a real vLLM server; its environment in .vllm takes 3.4 GB
	AGENTOPT_TEST_VLLM=$(VLLM)/bin/python $(BIN)/pytest -m vllm tests/vllm

$(VLLM)/.installed: tests/vllm/install.sh
	sh tests/vllm/install.sh $(VLLM) $(PYTHON)
	@touch $@

browser: $(INSTALLED)  ## Check the inspector's page in the system's Chromium, headless
	$(BIN)/python -m pip install --quiet -e '.[browser]'
	$(BIN)/pytest -m browser

$(INSTALLED): pyproject.toml hatch_build.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e '.[test]'
	@touch $@
