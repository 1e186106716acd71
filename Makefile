# All commands of the project, for a laptop and for CI; `make help` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
SAMPLE := files/samples/flights.csv
# The interpreter for $(VENV), and a newer one (or nothing) for a second run of the tests. Looked up when used.
PYTHON = $(shell tools/find_python.sh)
NEWER = $(shell tools/find_python.sh --newer)

# Builds the native kernel if it is missing and a C compiler is installed (docs/native.md).
KERNEL = cd scripts && ../$(BIN)/python -m csvswarm.native.build

# Commands use the ansible of $(VENV) without `activate`, and never a system-wide one.
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help
help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##### environment

.PHONY: setup setup-dev
setup:  ## create or update .venv with everything that a run needs
	@$(or $(PYTHON),exit 1;) tools/environment.py $(VENV) runtime
	@$(KERNEL)

setup-dev:  ## the same with the tools of `make test`
	@$(or $(PYTHON),exit 1;) tools/environment.py $(VENV) dev
	@$(KERNEL)

.PHONY: lock
lock: setup-dev  ## regenerate requirements/*.txt from *.in (UPGRADE=1: with the newest versions)
	@tools/lock.sh $(if $(UPGRADE),--upgrade)

##### use

.PHONY: demo
demo: setup  ## process the sample CSV on this machine
	@ansible-playbook run_job.yml -e input=$(SAMPLE)

##### speed

SIZE := 100MB

.PHONY: bench bench-plots bench-boards setup-bench
bench: setup setup-bench  ## compare with other tools (SIZE=1MB ROUNDS=1: a minute; SEED=7 ONLY=carrier PEERS=Polars KEEP=1)
	@.venv-bench/bin/python -m bench --size $(SIZE) $(if $(KEEP),--keep) $(if $(SEED),--seed $(SEED)) \
	    $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(ONLY),--only "$(ONLY)") $(if $(PEERS),--peers "$(PEERS)")

bench-plots: setup setup-bench  ## draw docs/images (SIZES=10MB,30MB CHUNKS=1,10 SIZE=30MB: a quick run)
	@.venv-bench/bin/python -m bench.plots --size $(SIZE) $(if $(SIZES),--sizes $(SIZES)) \
	    $(if $(CHUNKS),--chunks $(CHUNKS)) $(if $(KEEP),--keep)

bench-boards: setup setup-bench  ## compare jobs on the lab's boards with GNU parallel (run make lab first; SIZES=2.5MB ROUNDS=1: a quick run)
	@.venv-bench/bin/python -m bench.boards $(if $(SIZES),--sizes $(SIZES)) $(if $(ROUNDS),--rounds $(ROUNDS))

setup-bench:
	@$(or $(PYTHON),exit 1;) tools/environment.py .venv-bench bench

##### documentation

.PHONY: docs
docs:  ## build the documentation site in .site (dead links and unlisted pages are errors)
	@$(or $(PYTHON),exit 1;) tools/environment.py .venv-docs docs
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --clean 2>&1 | sed '/^INFO/d'
	@echo "docs: .site/index.html"

##### boards

.PHONY: lab lab-down molecule
lab: setup-dev  ## create virtual boards in Docker and the cluster on them
	@tools/lab up

lab-down: setup-dev  ## remove the virtual boards
	@tools/lab down

molecule: setup-dev  ## test site.yml on virtual boards (S=separate_roles, S=fault_injection, S=life, S=ubuntu: another scenario)
	@tools/molecule_test.sh $(S)

##### checks and tests

# Molecule is verbose, so the summary lines are repeated at the end.
.PHONY: test
test: lint docs  ## run every check and every test, on virtual boards too
	@$(MAKE) unit | tee .lab/unit.log
	@$(MAKE) unit-newer | tee .lab/unit-newer.log
	@$(MAKE) molecule | tee .lab/molecule.log
	@for step in unit unit-newer molecule; do echo "$$step: $$(tail -n 1 .lab/$$step.log)"; done

# Files that differ from HEAD, except deleted ones.
CHANGED = $(shell git diff --name-only --diff-filter=d HEAD -- '*.py'; git ls-files --others --exclude-standard -- '*.py')

.PHONY: quick
quick: setup-dev  ## lint changed Python files, run one test file (T=tests/unit/arithmetic/test_exact_sum.py)
	$(if $(CHANGED),ruff check $(CHANGED))
	$(if $(CHANGED),ruff format --check $(CHANGED))
	$(if $(T),python -m pytest --numprocesses=0 -q $(T))

.PHONY: lint
lint: lint-python lint-ansible lint-text  ## run the checks only

# All Python code. plugins/, and most folders beside the playbooks, contain links to these files.
PYTHON_CODE := $(wildcard scripts files/processors files/docker roles/*/*_plugins playbooks/callback_plugins \
    playbooks/lookup_plugins/unknown_variables.py playbooks/library roles/*/library roles/*/module_utils roles/*/files/*.py molecule \
    tests tools bench)

.PHONY: lint-python
lint-python: setup-dev
	ruff check $(PYTHON_CODE)
	ruff format --check $(PYTHON_CODE)
	mypy $(PYTHON_CODE)
	PYTHONPATH=scripts lint-imports --no-cache

.PHONY: lint-text
lint-text: setup-dev
	codespell $$(git ls-files -- ':!.ci')
	python tools/check_prose.py
	python tools/check_lengths.py

.PHONY: lint-ansible
lint-ansible: setup-dev
	yamllint --strict .
	ansible-playbook --syntax-check $(filter-out galaxy.yml mkdocs.yml,$(wildcard *.yml playbooks/*.yml))
	ansible-lint

.PHONY: unit
unit: setup-dev  ## run the tests (T=tests/ansible: only that folder)
	@# Both print what is missing. Tests that need it are then skipped, and fail in CI.
	@tools/test_tools.sh || true
	@tools/docker_engine.sh || true
	python -m pytest $(T)

.PHONY: arm64
arm64: setup-dev  ## run the kernel's tests and sample jobs on an emulated arm64 (QEMU; about 3 minutes)
	@python tools/arm64.py >/dev/null
	CSVSWARM_ARM64=1 python -m pytest -q --numprocesses=2 tests/arm64

CASES := 1000000
FAULT_LOG := .faults.jsonl

.PHONY: chaos fuzz fuzz-native setup-fuzz
chaos: setup-dev  ## run the scripts under a thousand random fault schedules (SEED=7: one, SEED=1-50: some, ATTACK=runs: one kind)
	@tools/test_tools.sh
	@rm -f $(FAULT_LOG)
	CSVSWARM_FAULT_SEEDS=$(or $(SEED),1-1000) CSVSWARM_FAULT_ATTACK=$(ATTACK) CSVSWARM_FAULT_LOG=$(FAULT_LOG) python -m pytest tests/faults -q
	@python -m tests.faults.summarize $(FAULT_LOG)

fuzz: setup-fuzz  ## fuzz the splitter, the reader and expressions with a million cases (CASES=10000: fewer; FROM=2: others)
	@.venv-fuzz/bin/python -m tests.fuzz --cases $(CASES) --seed $(or $(FROM),1)

SECONDS := 3600
fuzz-native: setup-dev  ## fuzz the native kernel with whole inputs under ASan and UBSan for an hour (SECONDS=60: less)
	PYTHONPATH=scripts python -m tests.fuzz.paths --sanitize --seconds $(SECONDS) --seed $(or $(FROM),1)

setup-fuzz:
	@$(or $(PYTHON),exit 1;) tools/environment.py .venv-fuzz fuzz
	@$(subst $(BIN),.venv-fuzz/bin,$(KERNEL))

# Python 3.12 and newer use another ansible-core (2.21), so the tests also run with such a Python, if one is found.
.PHONY: unit-newer
unit-newer:  ## run the tests on Python 3.12+ as well, if installed
	@newer="$(NEWER)"; \
	if [ -z "$$newer" ] || [ "$$newer" = "$(PYTHON)" ]; then \
	    echo "test: no other Python above 3.11 found, so the tests ran once"; exit 0; \
	fi; \
	venv=".venv-$$("$$newer" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"; \
	"$$newer" tools/environment.py "$$venv" dev; \
	PATH="$$PWD/$$venv/bin:$$PATH" python -m pytest $(T)
