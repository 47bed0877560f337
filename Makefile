# make demo   the whole chain on a bundled network        make test   the whole test suite
# Both make the virtual environment $(VENV) themselves where it is missing.

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
PYTEST_ARGS ?=
BENCH_ARGS ?=
LAVA_PYTHON ?=
NETWORKS ?= 200
STEPS ?= 100000
FUZZ_ARGS ?= --count 2000 --seed 0

BIN := $(VENV)/bin
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test lint docs neurobench lava verify-lava sanafe verify-sanafe spinnaker verify-firmware silicon bench fuzz wheel-check \
  clean
.DELETE_ON_ERROR:

demo: $(VENV)/.snn2chip-core
	$(BIN)/snn2chip demo

# One thread per worker: matrix products this small do not gain from more. HYPOTHESIS_PROFILE=explore
# is the long form: new random examples, and three times as many of the costly ones.
test: $(VENV)/.snn2chip-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

lint: $(VENV)/.snn2chip-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# NeuroBench's harness, without data sets and their packages: its metrics are compared with ours.
neurobench: $(VENV)/.snn2chip-dev
	$(INSTALL) --no-deps neurobench==2.3.0

# Lava's own environment, made once for this user (docs/verify.md); prints its Python.
lava: $(VENV)/.snn2chip-dev
	@$(BIN)/snn2chip verify --prepare

# Random networks in Lava and here, step by step; NETWORKS=2000 is the long form. LAVA_PYTHON or
# SNN2CHIP_LAVA_PYTHON names a Python 3.10 with lava-nc 0.10.0; without, it is that of `make lava`.
verify-lava: $(VENV)/.snn2chip-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.backends.loihi.witness.verify_lava \
	  --lava-python "$(LAVA_PYTHON)" --networks $(NETWORKS) $(VERIFY_ARGS)

# SANA-FE's environment, for tests and benchmarks of energy only; prints its Python.
sanafe: $(VENV)/.snn2chip-dev
	@$(BIN)/python -m tests.energy.sanafe.engine

# Random networks in SANA-FE and here: counts, energy, times; NETWORKS=1000 is the long form.
verify-sanafe: $(VENV)/.snn2chip-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.energy.sanafe.verify_sanafe --networks $(NETWORKS) \
	  $(VERIFY_ARGS)

# The environment of sPyNNaker and of the emulator of its firmware, some 450 MB; prints its Python.
spinnaker: $(VENV)/.snn2chip-dev
	@$(BIN)/python -m tests.backends.spinnaker.verify_firmware --prepare

# Random populations in SpiNNaker's real firmware and here; STEPS=1000000 is a longer form.
verify-firmware: $(VENV)/.snn2chip-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.backends.spinnaker.verify_firmware \
	  --neuron-steps $(STEPS) $(VERIFY_ARGS)

# Figures of speed and memory; ends with an error where something that must hold does not.
# LAVA_PYTHON adds Lava; BENCH_ARGS="--write docs/benchmarks.md" keeps the tables and the plot.
bench: $(VENV)/.snn2chip-dev
	$(BIN)/python benchmarks/import_nir.py
	$(BIN)/python -m benchmarks.mapping
	$(BIN)/python -m benchmarks.firmware
	$(BIN)/python -m benchmarks.training
	$(BIN)/python -m benchmarks.engine $(if $(LAVA_PYTHON),--lava-python "$(LAVA_PYTHON)") $(BENCH_ARGS)
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.energy \
	  $(findstring --write docs/benchmarks.md,$(BENCH_ARGS))

# Measured chips against what this tool makes of them (docs/energy.md).
silicon: $(VENV)/.snn2chip-dev
	$(BIN)/python -m benchmarks.silicon

# Mutated files of every kind for the commands that read them; FUZZ_ARGS="--count 500 --seed 7".
fuzz: $(VENV)/.snn2chip-dev
	$(BIN)/python -m tests.fuzz $(FUZZ_ARGS)

# The pages that are made from code.
docs: $(VENV)/.snn2chip-dev
	$(BIN)/python -m snn2chip.pipeline.limits_page docs/limits.md

# The built wheel alone, without torch, outside the repository.
wheel-check: $(VENV)/.snn2chip-dev
	.ci/wheel-check $(BIN)/python

clean:
	rm -rf $(VENV) build dist demo-out *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps say what was installed; an environment made by hand has none and is brought up to date.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	  "snn2chip needs Python 3.11 or later: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.snn2chip-core: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e .
	@touch $@

$(VENV)/.snn2chip-dev: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e '.[all,dev]'
	@touch $@ $(VENV)/.snn2chip-core
