# Two commands matter: `make run` opens the page, `make test` checks everything.
# Works with GNU Make 3.81 (macOS) and later.

VENV := .venv
BIN := $(VENV)/bin
PEERS := .venv-peers
# From 24.1 on pip says how far a download is; the model comes through it too.
PIP := pip==26.3 --hash=sha256:f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13
# Nothing is installed that is not in a lock file, with its checksum.
INSTALL = $(BIN)/python -m pip install --disable-pip-version-check --require-hashes
LOCK = $(BIN)/python -m uv pip compile --quiet --no-config --universal --python-version 3.11 \
    --fork-strategy fewest --generate-hashes --no-annotate --custom-compile-command 'make lock' $(UPGRADE)
INSTALL_PEERS = $(PEERS)/bin/python -m pip install --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help run test lint format docs gallery examples screenshots lab notebooks slow soak bench bench-peers lock audit sbom clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.run ## Start the page on http://127.0.0.1:7860 (PORT=8000 PRESET=model.gguf to change)
	@exec $(BIN)/python app.py

ifdef PORT
run: export GRADIO_SERVER_PORT := $(PORT)
endif
ifdef PRESET
run: export PLAYGROUND_PRESET := $(PRESET)
endif

# A browser mostly waits for what it shows: two of them, and nothing else, fill two cores.
TESTS = $(BIN)/python -m pytest -n auto --maxprocesses 4

test: lint ## Lint, types, import contracts and every test, browser included
	$(TESTS) -m "not slow and not soak and not browser" --dist loadfile
	@chromium=$$($(BIN)/python tests/chromium.py) && \
	PLAYGROUND_CHROMIUM="$$chromium" $(TESTS) -m "browser and not slow" tests/web
	@$(BIN)/python -m tests.supply.audit

lint: $(VENV)/.test ## Lint, format check, types, import contracts
	$(BIN)/python -m ruff check
	$(BIN)/python -m ruff format --check
	$(BIN)/python -m mypy
	$(BIN)/python $(BIN)/lint-imports --no-logo

format: $(VENV)/.test ## Format the code and mend what ruff can mend
	$(BIN)/python -m ruff format
	$(BIN)/python -m ruff check --fix

docs: $(VENV)/.test ## Write docs/controls.md, docs/api.md and docs/licences.md
	@mkdir -p build
	for page in controls api; do \
	    $(BIN)/python -m tools.$$page > build/$$page.md && \
	    mv build/$$page.md docs/$$page.md || exit 1; \
	done
	$(BIN)/python -m tests.supply.licences > build/licences.md
	mv build/licences.md docs/licences.md

gallery: $(VENV)/.run ## Write docs/gallery.md and its pictures, from real runs
	$(BIN)/python -m tools.gallery docs/gallery

examples: $(VENV)/.run ## Write the stored answers of the page's examples, with their models
	$(BIN)/python -m tools.examples

screenshots: $(VENV)/.test ## Take the pictures of the page in docs/ anew
	@chromium=$$($(BIN)/python tests/chromium.py) && \
	PLAYGROUND_CHROMIUM="$$chromium" PYTHONPATH=. KERAS_BACKEND=jax $(BIN)/python tests/web/take_screenshots.py

lab: $(VENV)/.notebooks ## Open the notebooks in JupyterLab
	@$(BIN)/python -m jupyterlab --notebook-dir=notebooks

notebooks: $(VENV)/.notebooks ## Run all notebooks anew and keep what they show
	$(BIN)/python notebooks/run.py

slow: $(VENV)/.test $(VENV)/.notebooks ## The tests that take minutes, JupyterLab's and Voilà's too
	$(BIN)/python -m pytest -m slow

soak: $(VENV)/.test ## Eight people for half an hour, then on the page eight and forty
	$(BIN)/python -m pytest -m soak

bench: $(VENV)/.run ## How fast it is, beside the peers if there are any (BENCH=--quick for minutes)
	@$(BIN)/python -m benchmarks $(BENCH)

bench-peers: $(PEERS)/.installed ## Install keras-hub, transformers and llama.cpp for `make bench`

# For every system and Python at once, from the oldest Python on.
WITHOUT_RUN = $$(sed -n 's/==.*//; s/^[a-z]/--no-emit-package &/p' pre-requirements.txt)
lock: $(VENV)/.test ## Pin all that the requirements files bring, with checksums (UPGRADE=--upgrade for newer versions)
	$(LOCK) requirements.txt -o pre-requirements.txt
	$(LOCK) tests/requirements.txt -c pre-requirements.txt $(WITHOUT_RUN) -o tests/locked.txt
	$(LOCK) notebooks/requirements.txt -c pre-requirements.txt -c tests/locked.txt $(WITHOUT_RUN) -o notebooks/locked.txt

audit: $(VENV)/.test ## Ask whether a pinned package has a known vulnerability
	@$(BIN)/python -m tests.supply.audit

sbom: $(VENV)/.run ## Write the software bill of materials to build/sbom.json (CycloneDX)
	@mkdir -p build
	@$(BIN)/python -m tests.supply.bill_of_materials > build/sbom.json && echo build/sbom.json

clean: ## Remove the environments and the tools' caches (models stay in the user's cache)
	rm -rf $(VENV) $(PEERS) build .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache

# The environment. `venv` writes pip last: with python and pip the folder is whole.
# A stamp is newer than what it was made from, so a second start installs nothing.
$(BIN)/python $(BIN)/pip:
	@for python in $(PYTHON) python3 python3.13 python3.12 python3.11 python3.14; do \
	    fault=$$("$$python" -c "$$FAULT" 2>/dev/null) || continue; \
	    [ -n "$$fault" ] || exec "$$python" -m venv --clear $(VENV); \
	    faults="$$faults$$python $$fault; "; \
	done; \
	echo "Needed: Python 3.11 to 3.14 with its venv module. Found: $${faults:-none}" >&2; \
	echo "Install one, or name one: make run PYTHON=/path/to/python3.12" >&2; \
	exit 1

define FAULT
import importlib.util, sys
version = sys.version.split()[0]
if not (3, 11) <= sys.version_info < (3, 15):
    print(version)
elif not importlib.util.find_spec('ensurepip'):
    print(version + ' without venv (Debian, Ubuntu: apt-get install python3-venv)')
endef
export FAULT

$(VENV)/.run: pre-requirements.txt $(BIN)/python $(BIN)/pip
	@echo '$(PIP)' | $(INSTALL) -r /dev/stdin
	$(INSTALL) -r $<
	@touch $@

$(VENV)/.test: tests/locked.txt $(VENV)/.run
	$(INSTALL) -r pre-requirements.txt -r $<
	@touch $@

$(VENV)/.notebooks: notebooks/locked.txt $(VENV)/.run
	$(INSTALL) -r pre-requirements.txt -r $<
	@touch $@

# llama.cpp is built from source; where it cannot be, the bench goes on without it.
$(PEERS)/.installed: benchmarks/requirements-peers.txt $(VENV)/.run
	$(BIN)/python -m venv --clear $(PEERS)
	@echo '$(PIP)' | $(INSTALL_PEERS) --require-hashes -r /dev/stdin
	grep -v '^llama' $< | $(INSTALL_PEERS) -r /dev/stdin
	grep '^llama' $< | $(INSTALL_PEERS) -r /dev/stdin || echo "No llama.cpp: see above." >&2
	@touch $@
