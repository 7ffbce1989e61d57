# make run, make test: all that they need is installed on the way.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: install run test check bench dist docs pictures permission-pictures manifests test-cluster clean

install: $(STAMP)

$(STAMP): requirements/dev.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

run: install
	$(BIN)/reconsole $(ARGS)

test: install
	$(BIN)/python -m pytest -n 3 $(ARGS)

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.txt
	$(BIN)/python -m bench $(ARGS)

# Two wheels: the console with its operator and cluster, and the library for operators that it stands on.
dist: install
	$(BIN)/python -m hatchling build -t wheel -d dist
	cd controller_runtime && ../$(BIN)/python -m hatchling build -t wheel -d ../dist

# make test-cluster KUBECONFIG=FILE: the integration tests against any API server.
test-cluster: install
	@test -n "$(KUBECONFIG)" || { echo "Say which cluster: make test-cluster KUBECONFIG=FILE" >&2; exit 2; }
	RECONSOLE_TEST_KUBECONFIG="$(abspath $(KUBECONFIG))" $(BIN)/python -m pytest -m cluster $(ARGS)

# The reference of the runtime, from its docstrings.
docs: install
	$(BIN)/python docs/generate_reference.py

# The pictures in README and docs, filmed from the recorded story.
pictures: install
	$(BIN)/python -m docs.pictures

# Those of docs/permissions.md and docs/why.md, of real runs.
permission-pictures: install
	$(BIN)/python -m docs.permission_pictures
	$(BIN)/python -m docs.why_pictures

# The CRD and the role, made from the code.
manifests: install
	$(BIN)/python -m reconsole.manifests

clean:
	rm -rf $(VENV)
