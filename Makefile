# quickstart · test · test-medical · test-depth · check · fix · bench · test-learning · changelog ·
# docs · dist · check-dist: each makes the environment it needs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: quickstart test test-medical test-depth check fix bench test-learning changelog docs dist check-dist clean

# Shapes are generated, Faster R-CNN learns them from random weights, and what it finds is drawn.
quickstart: $(READY)
	rm -rf runs/quickstart
	$(BIN)/hub train configs/quickstart.yaml --out runs/quickstart
	$(BIN)/hub evaluate runs/quickstart
	$(BIN)/hub predict runs/quickstart data/shapes/val --out runs/quickstart/drawn
	@echo "look at runs/quickstart/predictions.png and runs/quickstart/drawn/"

# A process for each core, each with one thread: threads of several processes would only wait for each other.
PARALLEL := --numprocesses auto --dist loadfile
test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(PARALLEL) --cov --cov-report=term

# The medical plugin is a distribution of its own, with dependencies of its own.
test-medical: $(READY)
	$(BIN)/python -m pip install --quiet --editable 'plugins/medical[test]'
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(PARALLEL) -c plugins/medical/pyproject.toml --rootdir plugins/medical plugins/medical

# The depth plugin likewise; scikit-image brings a photograph with measured depth.
test-depth: $(READY)
	$(BIN)/python -m pip install --quiet --editable 'plugins/depth[test]'
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(PARALLEL) -c plugins/depth/pyproject.toml --rootdir plugins/depth plugins/depth

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

fix: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python tools/public_api.py

# Ratios against torchvision in one run; nothing else should run meanwhile.
bench: $(READY)
	$(BIN)/python -m benchmarks

# The slow suite: trains to the targets that the configs promise.
test-learning: $(READY)
	$(BIN)/python -m pytest -m slow

# Print the entries of the next release; with VERSION=1.2.0, move them into CHANGELOG.md.
changelog: $(READY)
	$(BIN)/towncrier build $(if $(VERSION),--yes --version $(VERSION),--draft --version unreleased)

# The site, in build/site; a dead link is an error.
docs: $(READY)
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	$(BIN)/python tools/build_docs.py

# The wheels and source archives of the hub and its plugins.
DIST_PYTHON ?= $(BIN)/python
dist: $(if $(filter $(BIN)/python,$(DIST_PYTHON)),$(READY))
	rm -rf dist
	for folder in . plugins/medical plugins/depth; do $(DIST_PYTHON) -m build --outdir dist $$folder || exit 1; done

# Install the wheels in a fresh environment, and use them outside the checkout.
check-dist: dist
	rm -rf build/fresh build/elsewhere
	$(PYTHON) -m venv build/fresh
	build/fresh/bin/python -m pip install --quiet dist/*.whl
	mkdir -p build/elsewhere
	cd build/elsewhere && ../fresh/bin/python ../../tools/smoke_test.py

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[dev,tiff]'
	@touch $@
