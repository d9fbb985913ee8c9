# Every target sets up what it needs in .venv; `make setup` alone does just that.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

# compiled modules keep start-up short
unexport PYTHONDONTWRITEBYTECODE

NATIVE := $(wildcard backends/cpu/CMakeLists.txt backends/cpu/src/*.* backends/cpu/src/*/*.*)

.PHONY: setup demo test lint sanitize bench tables reference clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt $(NATIVE)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "qdsl needs Python 3.11 or newer")'
	@command -v c++ >/dev/null || { echo "qdsl needs a C++ compiler (Debian: apt-get install g++)"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade-strategy only-if-needed -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(STAMP)
	$(BIN)/python -m demo.run

test: lint
	$(BIN)/pytest -n 2

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

sanitize: $(STAMP)
	$(BIN)/pytest tests/backends/cpu/test_sanitizers.py

bench: $(STAMP)
	$(BIN)/python benchmarks/frontend.py
	$(BIN)/python benchmarks/cpu.py
	$(BIN)/python benchmarks/encoder.py

tables: $(STAMP)
	$(BIN)/python -m qdsl.syntax.tables
	$(BIN)/python -m qdsl.highlight.textmate

reference: $(STAMP)
	$(BIN)/python -m qdsl.cli.reference docs/reference
	$(BIN)/python -m qdsl.cli.manual > docs/cli.md

clean:
	rm -rf build out .mypy_cache .ruff_cache .pytest_cache
