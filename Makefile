# `make demo` and `make test` are all a newcomer needs; both install first, which does nothing when nothing changed.
PYTHON ?= python3
# A file's tests stay together: what they share is made once. tests/conftest.py puts long files first.
TESTS := -m pytest -n auto --dist loadfile --no-loadscope-reorder
BIN := .venv/bin
INSTALLED := .venv/.installed
# Each process would compile the package anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: install demo test fuzz check torture docs format clean

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "synthboost needs Python 3.11 or newer; try: make PYTHON=python3.11 ...")'
	@echo "Installing into .venv (about 1.5 GB, a minute or two) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	@touch $(INSTALLED)

demo: install
	@$(BIN)/synthboost demo --out demo

test: install
	@$(BIN)/python $(TESTS)

fuzz: install
	@SYNTHBOOST_FUZZ=$(or $(CASES),5000) $(BIN)/python -m pytest -n auto tests/fuzz

check: install
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python $(TESTS)

torture: install
	@SYNTHBOOST_TORTURE=1 $(BIN)/python -m pytest tests/torture

docs: install
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict
	@echo "The documentation: site/index.html"

format: install
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

clean:
	rm -rf .venv demo site .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
