# Two commands matter: `make book` and `make test`. Both build .venv from requirements.lock first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

NOTEBOOKS := $(sort $(wildcard notebooks/*.ipynb))
EXECUTED := book/experiments

# Notebooks run in this environment's interpreter, whatever kernels or plot back ends the user has.
export JUPYTER_PREFER_ENV_PATH := 1
export PYDEVD_DISABLE_FILE_VALIDATION := 1
unexport MPLBACKEND

# Runs a step in the shell and says how long it took: $(call timed,name,command).
define timed
@start=$$(date +%s); echo "== $(1)"; ( $(2) ) \
	|| { echo "== $(1): failed after $$(($$(date +%s) - start)) s" >&2; exit 1; }; \
	echo "== $(1): $$(($$(date +%s) - start)) s"
endef

.DEFAULT_GOAL := help
.PHONY: help env book html pdf notebooks test fuzz lock pair clean

help:  ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-7s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

env: $(STAMP)  ## create .venv and install what requirements.lock pins

$(STAMP): requirements.lock pyproject.toml book/pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "error: '$(PYTHON)' not found: name a Python 3.10 to 3.13, as in make PYTHON=python3.12 book" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' || { echo "error: $$($(PYTHON) --version 2>&1) does not fit, the packages are pinned for Python 3.10 to 3.13: name one, as in make PYTHON=python3.12 book" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "error: $(PYTHON) lacks its venv module (package python3-venv on Debian and Ubuntu)" >&2; exit 1; }
	$(call timed,environment,$(PYTHON) -m venv $(VENV) && $(PIP) -r requirements.lock && $(PIP) --no-deps --no-build-isolation -e . -e book/)
	@touch $@

BEGAN := $(shell date +%s)

book: html  ## train the embedded experiment, run every notebook, build the book
	@echo "== make book: $$(($$(date +%s) - $(BEGAN))) s in all"
	@echo "Open $(CURDIR)/book/_build/html/index.html"

# Executes into book/experiments every notebook whose page is not up to date, one of which trains live.
notebooks: env
	$(call timed,notebooks and live training,$(BIN)/python book/_ext/prepare.py)

html: notebooks
	$(call timed,book,$(BIN)/jupyter-book build -q --all -W -n --keep-going book/)

# One page with the whole book, printed by the browser that is there.
CHROMIUM ?= $(firstword $(foreach name,chromium chromium-browser google-chrome chrome,$(shell command -v $(name))))
PDF := book/_build/star-loss-reproduced.pdf

pdf: notebooks  ## the whole book as one PDF, printed by Chromium
	@test -n "$(CHROMIUM)" || { echo "error: no Chromium found: install it (package chromium on Debian and Ubuntu), or name one, as in make CHROMIUM=/path/to/chrome pdf" >&2; exit 1; }
	$(call timed,one page,$(BIN)/jupyter-book build -q --all --builder singlehtml book/)
	$(call timed,pdf,$(CHROMIUM) --headless --no-sandbox --disable-gpu --virtual-time-budget=60000 --no-pdf-header-footer \
		--print-to-pdf=$(PDF) "file://$(CURDIR)/book/_build/singlehtml/index.html" 2>/dev/null)
	@test -s $(PDF) && echo "Open $(CURDIR)/$(PDF)"

# Whole files to one process per core: what a file prepares, it prepares once.
PARALLEL := -n auto --maxprocesses 8 --dist loadfile

test: env  ## lint, type check, tests, notebook check, then the book with warnings as errors
	$(call timed,ruff check,$(BIN)/ruff check .)
	$(call timed,ruff format,$(BIN)/ruff format --check .)
	$(call timed,mypy,$(BIN)/mypy)
	$(call timed,import contracts,$(BIN)/lint-imports)
	$(call timed,pytest,$(BIN)/python -m pytest $(PARALLEL) -rs --ignore=tests/book/test_built_book.py)
	$(call timed,nbval,$(BIN)/python -m pytest $(PARALLEL) --nbval --nbval-current-env $(NOTEBOOKS))
	@$(MAKE) --no-print-directory book
	$(call timed,browser,$(BIN)/python -m pytest -rs tests/book/test_built_book.py)

# About 100 kills and 10,000 inputs; FUZZ is how many times as many as in `make test`.
fuzz: FUZZ ?= 17
fuzz: env  ## random inputs and kills for minutes, as in make FUZZ=100 fuzz
	$(call timed,fuzz,STARLIB_FUZZ=$(FUZZ) $(BIN)/python -m pytest tests/fuzz)

# uv resolves for all supported Pythons and platforms at once. torch itself pins its CUDA packages.
lock:  ## resolve requirements.lock anew from pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) uv
	{ echo '# Every package of starloss[all], pinned for Python 3.10 to 3.13. Written by `make lock`: do not edit.'; \
	$(BIN)/uv --quiet pip compile --universal --python-version 3.10 --no-python-downloads --fork-strategy fewest \
		--upgrade --extra all --no-annotate --no-header pyproject.toml; } > requirements.lock.new
	sed -E '/^(cuda|nvidia|triton)[-=]/d' requirements.lock.new > requirements.lock
	rm requirements.lock.new

# The stored outputs are what the notebook check compares with.
pair: env  ## bring each notebooks/*.ipynb up to its .py and execute it
	$(BIN)/jupytext --quiet --to ipynb --update notebooks/*.py
	$(BIN)/jupyter execute --inplace --kernel_name=python3 $(NOTEBOOKS)

clean:  ## remove .venv, the built book and all caches; results stay
	rm -rf $(VENV) book/_build book/fragments $(EXECUTED) build *.egg-info book/*.egg-info .pytest_cache .ruff_cache .mypy_cache
	find starlib tests book -name __pycache__ -type d -prune -exec rm -rf {} +
