# Every command here is what people and CI call. `make demo` and `make test` need nothing but Python 3.11+ and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
WORLD := examples/scenes/world

.PHONY: help packages setup site demo up down demo-cluster cluster-up cluster-test cluster-down chaos servers test fuzz check lint proto clean

help:             ## What there is to make
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 18

packages:         ## What the real servers and node need of Debian's packages (root; else says what is absent)
	@$(PYTHON) -m deploy.local.packages

setup: $(INSTALLED)  ## Set up the virtual environment

$(INSTALLED): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@echo "installing packages into $(VENV)"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[embedded]' --group dev
	@touch $@

demo: setup       ## Run the closed loop on the embedded default; again after an interruption: it goes on
	@$(BIN)/dataengine demo examples/scenes

up: setup         ## Start Kafka, MinIO, Triton and the local teacher on this machine
	@$(BIN)/python -m deploy.local.machine up

down: setup       ## Stop them; what they hold stays in .servers
	@$(BIN)/python -m deploy.local.machine down

demo-cluster: setup  ## The demo on these servers, each service a process of its own
	@test -f $(WORLD)/manifest.json || $(BIN)/python -m dataengine.demo.make_world --out $(WORLD) --seed 0
	@$(BIN)/python -m deploy.local.demo examples/scenes/cluster.yaml

cluster-up: setup    ## A real single-node Kubernetes with Kafka, MinIO and a teacher on it (root)
	@test -f $(WORLD)/manifest.json || $(BIN)/python -m dataengine.demo.make_world --out $(WORLD) --seed 0
	@$(BIN)/python -m deploy.cluster up

cluster-test: setup  ## Bring it up, turn the loop on it under faults, take it down
	@OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 $(BIN)/python -m deploy.cluster $(OR_SKIP) test

cluster-down: setup  ## Take it down; nothing is left but images in the cache
	@$(BIN)/python -m deploy.cluster down

chaos: setup      ## Runs under seeded random faults on real servers: make chaos SEED=1 ROUNDS=3
	@$(BIN)/python -m tests.chaos --seed $(or $(SEED),1) --rounds $(or $(ROUNDS),3)

servers: setup    ## Download and build the real servers that tests start (kept outside of the checkout)
	@$(BIN)/python -m deploy.local.get

test: setup servers  ## Run the tests; says last which were skipped, and why
	@OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -rs -n 2 --dist loadscope --ignore tests/cluster

fuzz: setup       ## Fuzz every reader for longer than the tests do: make fuzz EXAMPLES=2000
	@DATAENGINE_FUZZ=$(or $(EXAMPLES),2000) OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q tests/adversarial -p no:cacheprovider

site: setup       ## The documentation as HTML, in .site/html
	@$(BIN)/python -m docs.build_site

lint: setup       ## Style, types, import contracts, drift of generated code, documentation
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m protos.generate --check
	@$(BIN)/python -m docs.build_site --quiet

check: lint test  ## What CI runs

proto: setup      ## Generate dataengine/wire/generated from protos
	@$(BIN)/python -m protos.generate

clean:            ## Remove the virtual environment, caches and generated worlds (runs stay)
	rm -rf $(VENV) .cache .site $(WORLD) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
