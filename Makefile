# Two commands: `make lab` opens JupyterLab on the first notebook, `make test` runs every test.
PYTHON ?= python3
VENV := .venv
DONE := $(VENV)/.installed
# dev,cluster adds Spark, which needs Java: the tests on it run then too
EXTRAS ?= dev
# JupyterLab wants to be told when it is root's, as in a container
ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

.PHONY: lab test pages gallery refresh bench

lab: $(DONE)
	$(VENV)/bin/jupyter lab $(ROOT) --ServerApp.root_dir=. notebooks/00-start-here.ipynb

test: $(DONE)
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/pytest

pages: $(DONE)
	$(VENV)/bin/python -m toolkit share notebooks -o pages

gallery: $(DONE)
	$(VENV)/bin/python tests/chart_gallery.py -o gallery

# takes half an hour, and some GB in data/local the first time
bench: $(DONE)
	$(VENV)/bin/pip install -c constraints.txt -e '.[bench]'
	$(VENV)/bin/python tests/benchmarks/report.py

refresh: $(DONE)
	$(VENV)/bin/python -m toolkit refresh notebooks/*.ipynb

$(DONE): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install -c constraints.txt -e '.[$(EXTRAS)]'
	touch $(DONE)
