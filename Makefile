# Every target works on a fresh checkout: it makes .venv first if need be. Needed: Python 3.11 or newer, git, make.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# Quiet, but errors are shown.
PIP := $(RUN)/python -m pip install -qq --disable-pip-version-check

.PHONY: help install demo test check bench docs dist clean

help:
	@echo 'make demo     watch a model train (about two minutes)'
	@echo 'make test     run every test'
	@echo 'make check    ruff and mypy'
	@echo 'make bench    the benchmarks, as ratios'
	@echo 'make docs     write the generated pages, and build the site'
	@echo 'make dist     wheels and sdists of the core and of contrib, checked, in dist/'
	@echo 'make install  only make .venv'
	@echo 'make clean    remove .venv and caches'

install: $(INSTALLED)

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo 'making $(VENV): with torch this takes some minutes and several GB'
	@test -x $(RUN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) --editable '.[ultralytics,demo,serve,test,check,docs,dist]' opencv-python-headless
	@# ultralytics asks for the OpenCV with windows, which needs a desktop's libraries; both have the same files.
	@$(RUN)/python -m pip uninstall --quiet --yes opencv-python
	@$(PIP) --force-reinstall --no-deps opencv-python-headless
	@touch $@

demo: install
	@$(RUN)/synapse-hooks demo

test: install
	@$(RUN)/python -m pytest -n 2 --dist worksteal

check: install
	@$(RUN)/ruff check .
	@$(RUN)/ruff format --check .
	@$(RUN)/mypy

bench: install
	@$(RUN)/python benchmarks/run.py

docs: install
	@$(RUN)/python docs/generate.py
	@# With --quiet, warnings would not count as errors.
	@NO_MKDOCS_2_WARNING=1 $(RUN)/mkdocs build
	@echo 'the site is in site/: open site/index.html'

dist: install
	@$(RUN)/python tools/dist.py

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist site
