# make demo    set up and forecast the bundled sample subject
# make test    set up and run the tests
# make lint    set up and run what pre-commit runs before a commit, without the tests
# make setup   only set up: a virtual environment in .venv

PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13,$(shell command -v $(name) 2>/dev/null)))

# torch comes first, alone and at one known version. Left to the dependency "torch>=2.2", pip takes the newest
# Linux wheel with several gigabytes of CUDA libraries, which neither the demo nor the tests use: everything
# here runs on plain processors. With torch already there, the second line leaves it as it is. Where pip's
# index carries a CPU build of this version, it is taken; from PyPI ask for it with
#   make setup TORCH="torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu"
# and for a CUDA build, whatever its version, with TORCH="torch".
TORCH ?= torch==2.13.0

.PHONY: demo test lint setup

demo: setup
	.venv/bin/mrextrap demo -o demo

# Two files at a time, a thread each: most tests are too small for a second thread to hurry them.
test: setup
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 .venv/bin/python -m pytest --numprocesses 2 --dist loadfile

lint: setup
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

setup: .venv/ready

.venv/ready: pyproject.toml Makefile
	@test -n "$(PYTHON)" || { echo "MRExtrap needs Python 3.11, 3.12 or 3.13; name one: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install $(TORCH)
	.venv/bin/python -m pip install -e '.[dev]'
	touch $@
