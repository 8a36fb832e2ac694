# make report   the cost of Inception-v3, block by block, from a bare checkout
# make test     lint, types, layers, budgets, and every test
# make coverage every test with branch coverage, which takes a third longer
# make docs     write the generated parts of README.md and docs/ anew
# make bench    run the studies in benchmarks/
# make gpu      measure on a GPU, within MINUTES=8, what OUT lacks: benchmarks/results/GPU
# make clean    remove what the tools leave behind, but not .venv
#
# Each but gpu installs what it needs into .venv, once: a stamp there says what is installed, and
# a change of pyproject.toml or constraints.txt makes it old.

PYTHON ?= python3
MODEL = inception_v3
# Errors only; `make QUIET= report` shows all that pip says.
QUIET = -qq

BIN := .venv/bin
STUDIES := $(filter-out benchmarks/gpu_study.py,$(sort $(wildcard benchmarks/[!_]*.py)))

MINUTES = 8
# By default a folder that is named after the GPU, as h200.
OUT =
# What the study is told besides, as in `make gpu ARGS=--dry-run`.
ARGS =
# A machine with a GPU brings its own torch, and may be one where nothing can be installed.
GPU_PYTHON := $(if $(wildcard $(BIN)/python),$(BIN)/python,python3)

# pip reads the constraints from the environment too, so that they also hold in the isolated
# environments in which packages are built. PIP_CONSTRAINT does so up to pip 25, the other after.
# The path is relative because pip splits the value at spaces.
export PIP_CONSTRAINT := constraints.txt
export PIP_BUILD_CONSTRAINT := constraints.txt
INSTALL := $(BIN)/python -m pip install $(QUIET) --disable-pip-version-check -c constraints.txt

# A file of tests stays in one process. One more of them than the two cores that this is made for:
# some tests wait for a process or a clock. Bytecode is kept, whatever the environment asks for:
# hundreds of processes that the tests start would compile costlab anew, each for 0.2 s.
TESTS = OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n 3 --dist loadfile

.PHONY: report test coverage docs bench gpu clean
.DELETE_ON_ERROR:

report: .venv/.installed-report
	@$(BIN)/costlab report $(MODEL)

test: .venv/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/costlab check
	$(TESTS)

coverage: .venv/.installed-dev
	$(TESTS) --cov --cov-report=term-missing

docs: .venv/.installed-dev
	$(BIN)/python docs/generate.py

bench: .venv/.installed-bench
	@for study in $(STUDIES); do echo "$$study" >&2; $(BIN)/python "$$study" || exit 1; done

gpu:
	@$(GPU_PYTHON) benchmarks/gpu_study.py --minutes $(MINUTES) $(if $(OUT),--out "$(OUT)") $(ARGS)

clean:
	rm -rf build dist htmlcov .coverage .coverage.* .hypothesis .import_linter_cache \
	    .mypy_cache .pytest_cache .ruff_cache
	find . -path ./.venv -prune -o -type d -name __pycache__ -exec rm -rf {} +

.venv/.installed-report: $(BIN)/activate pyproject.toml constraints.txt
	@echo "installing costlab into .venv (once; torch is large)" >&2
	@$(INSTALL) -e .
	@touch $@

# The other extras bring the core along, hence both stamps.
.venv/.installed-dev: $(BIN)/activate pyproject.toml constraints.txt
	@echo "installing costlab[dev] into .venv (once; torch is large)" >&2
	@$(INSTALL) -e '.[dev]'
	@touch .venv/.installed-report $@

.venv/.installed-bench: $(BIN)/activate pyproject.toml constraints.txt
	@echo "installing costlab[bench] into .venv (once; torch is large)" >&2
	@$(INSTALL) -e '.[bench]'
	@touch .venv/.installed-report $@

# venv writes this file last, so that a half-made .venv is made anew.
$(BIN)/activate:
	@command -v $(PYTHON) >/dev/null || { \
	    echo "costlab needs Python 3.11 or newer, and '$(PYTHON)' is not to be found: name one, as in make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "costlab needs Python 3.11 or newer, and '$(PYTHON)' is $$($(PYTHON) --version 2>&1): name another, as in make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv .venv
