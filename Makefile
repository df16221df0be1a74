# p4-fullnat: `make demo` and `make test` each do their whole set-up on a fresh machine with Python 3.11+ and make.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
# On a terminal pip says what it does, for a minute or two.
PIP := $(BIN)/pip install $(if $(MAKE_TERMOUT),,--quiet) --disable-pip-version-check --no-deps
TARGET ?= p4soft
# Files of tests that run at a time: end-to-end tests wait more than they work, so these may be more than there are cores. The long
# ones begin, as one that began last would be waited for alone.
JOBS ?= 3
LONG := tests/install tests/topo
PARALLEL := -n $(JOBS) --dist loadfile --no-loadscope-reorder
HAVE_CC := $(shell command -v cc || command -v gcc || command -v clang)
HAVE_BMV2 := $(shell command -v simple_switch_grpc)

.PHONY: help setup peers p4 proto tofino lint test ptf e2e fuzz fuzz-inputs differential frames traces bench demo demo-cluster chaos toa toa-wheel deb wheel compiled test-compiled docs topo topo-test shell doctor clean

help:  ## this list
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

setup: $(VENV)/.installed  ## the virtual environment with everything in it

# Without a C compiler, the one in the ziglang wheel serves.
$(VENV)/.installed: pyproject.toml toa/pyproject.toml requirements.txt requirements-cc.txt
	@test -n "$(PYTHON)" || { \
	  echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3" >&2; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || { \
	  echo "python3 -m venv failed: on Debian and Ubuntu, apt-get install python3-venv" >&2; exit 1; }
	@echo "installing into $(VENV)"
	@$(PIP) --require-hashes -r requirements.txt
ifeq ($(HAVE_CC),)
	@$(PIP) --require-hashes -r requirements-cc.txt
endif
	@$(PIP) --no-build-isolation -e . -e ./toa
	@touch $@

# Other people's programs that tests, topologies and measurements run when they are there, and the packages of Debian and
# Ubuntu that they are in.
PEERS := nginx=nginx redis-server=redis-server haproxy=haproxy mn=mininet mnexec=mininet ifconfig=net-tools ip=iproute2 \
  ping=iputils-ping tcpdump=tcpdump ethtool=ethtool iperf3=iperf3 nft=nftables tc=iproute2 wrk=wrk curl=curl openssl=openssl nm=binutils systemd-analyze=systemd \
  dnsmasq=dnsmasq-base dig=dnsutils debootstrap=debootstrap shellcheck=shellcheck strace=strace groff=groff-base zsh=zsh fish=fish keepalived=keepalived chromium=chromium \
  dnsdist=dnsdist postfix=postfix etcd=etcd-server vtysh=frr

peers:  ## install what Debian and Ubuntu have of the programs that the tests can use; as root
	topo/install-peers $(sort $(foreach peer,$(PEERS),$(lastword $(subst =, ,$(peer)))))

p4: setup  ## compile the P4 program (needs p4c-bm2-ss)
	$(BIN)/python p4src/compile.py

proto: setup  ## compile the messages of the admin API and of etcd (needs grpcio-tools)
	$(BIN)/python -m deploy.proto

tofino: setup  ## compile and assemble it for Tofino 1 and 2, with a report (needs p4c-barefoot and bfas)
	$(BIN)/python -m p4src.tofino

lint: setup  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint  ## lint, unit, property, packet (PTF) and, as root, end-to-end tests
	@$(MAKE) -s .venv-shell/.installed || echo "p4runtime-shell cannot be installed here: its tests are skipped"
	$(BIN)/pytest $(LONG) $(filter-out $(LONG),$(wildcard tests/[a-z]*)) ptf_tests --target p4soft -m "not alone" $(PARALLEL)
	$(BIN)/pytest tests ptf_tests --target p4soft -m alone
	$(BIN)/pytest ptf_tests --target p4soft-asic $(PARALLEL)
ifneq ($(HAVE_BMV2),)
	$(BIN)/pytest ptf_tests --target bmv2 $(PARALLEL)
endif

ptf: setup  ## packet tests of the P4 program: make ptf TARGET=p4soft|bmv2
	$(BIN)/pytest ptf_tests --target $(TARGET)

e2e: setup  ## end-to-end tests at full size: 1 GB transfers, 30 s of load; as root
	FULLNAT_E2E=full $(BIN)/pytest tests/e2e --target $(TARGET) --timeout 900

fuzz: setup  ## fuzz the FULLNAT program under sanitizers: make fuzz SECONDS=60 [SEED=n] [PROGRAM=x.json | TRANSPORT=1 | EDGE=1]
	$(BIN)/python tests/p4soft/fuzz/fuzzkit.py --seconds $(or $(SECONDS),60) --seed $(or $(SEED),1) $(if $(PROGRAM),--program $(PROGRAM)) \
	  $(if $(TRANSPORT),--transport) $(if $(EDGE),--edge)

fuzz-inputs: setup  ## any input to the API, HTTP and the parsers: make fuzz-inputs [INPUTS=10000000] [JOBS=2] [SEED=n]
	PYTHONPATH=tests $(BIN)/python -m anyinput.inputs $(if $(INPUTS),--inputs $(INPUTS)) $(if $(JOBS),--jobs $(JOBS)) $(if $(SEED),--seed $(SEED))

differential: setup  ## BMv2 and p4soft on the same programs: make differential SAMPLES="DIR x.p4 x.json" [ARGS=--help]
	$(BIN)/python tests/p4soft/differential/differential.py $(SAMPLES) $(ARGS)

frames: setup  ## random frames on BMv2 and p4soft, as root: make frames FRAMES=1000000 [SEED=n]
	FULLNAT_FRAMES=$(or $(FRAMES),1000000) $(if $(SEED),FULLNAT_SEED=$(SEED)) $(BIN)/pytest ptf_tests/test_differential.py --target bmv2 --timeout 0

traces: setup  ## random frames that fare as traces of them say: make traces [FRAMES=1000000] [SEED=n]
	FULLNAT_TRACES=$(or $(FRAMES),1000000) $(if $(SEED),FULLNAT_SEED=$(SEED)) $(BIN)/pytest ptf_tests/test_traces.py --target p4soft --timeout 0 -n 2

bench: setup  ## measure, side by side in one run; writes docs/bench/
	$(BIN)/python -m bench

demo: setup  ## see it work: clients, a VIP, three real servers, real HTTP; as root with the kernel's TCP
	@$(BIN)/python -m demo

demo-cluster: setup  ## see it go on: two switches on BGP, two controllers and etcd, each killed in turn under transfers; as root
	@$(BIN)/python -m demo.cluster $(ARGS)

chaos: setup  ## kills, pauses, partitions, slow links and clocks on a real cluster, as root: make chaos [MINUTES=5] [SEED=n] [ARGS=--help]
	@$(BIN)/python -m chaos --minutes $(or $(MINUTES),5) $(if $(SEED),--seed $(SEED)) $(ARGS)

toa: $(if $(HAVE_CC),,setup)  ## libtoa_preload.so for the real servers, in build/toa/; toa/README.md is its guide
	$(MAKE) -C toa CC="$(or $(HAVE_CC),$(abspath $(BIN))/python -m ziglang cc)"

# What an earlier build has left would get into this one.
toa-wheel: setup  ## fullnat_toa, toa-check and toa-attach for the real servers, as a wheel in build/toa/
	@rm -rf toa/build
	@$(BIN)/pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir build/toa ./toa
	@rm -rf toa/build
	@ls build/toa/*.whl

deb: setup  ## a Debian package with everything in it, in build/dist/; docs/install.md
	@$(BIN)/python -m deploy.deb

wheel: setup  ## a wheel of fullnat and p4soft, with p4soft's native code compiled, in build/dist/
	@$(BIN)/python -m deploy.wheels

compiled: setup  ## the same with the core compiled by mypyc, for this Python: connections for less CPU time
	@$(BIN)/python -m deploy.compiled build/compiled

COMPILED_TESTS := core net p4rt app cli config api fnatadm health e2e/test_sessions.py e2e/test_endings.py e2e/test_crashes.py
test-compiled: compiled  ## what the tests say of the controller, said of a compiled one; as root
	@PYTHONPATH=build/compiled $(BIN)/python -c "from fullnat.core.session import store; assert store.__file__.endswith('.so'), store.__file__"
	PYTHONPATH=$(abspath build/compiled) $(BIN)/pytest -o "pythonpath=build/compiled . toa/python tests/p4 tests/p4soft/server" \
	  -m "not interpreted" $(PARALLEL) $(addprefix tests/,$(COMPILED_TESTS))

.venv-docs/.installed: requirements-docs.txt
	@test -x .venv-docs/bin/pip || $(PYTHON) -m venv .venv-docs
	@echo "installing mkdocs into .venv-docs"
	@.venv-docs/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-docs.txt
	@touch $@

docs: setup .venv-docs/.installed  ## the documentation site, in build/site/
	@$(BIN)/python -m deploy.site
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --quiet --strict
	@echo "build/site/index.html"

topo: setup  ## mininet with switch and controller: make topo TARGET=p4soft|bmv2 ARGS="--loss 1"; as root
	@$(BIN)/python -m topo --switch $(TARGET) $(ARGS)

topo-test: setup  ## the same without a prompt, everything tried; as root
	@$(BIN)/python -m topo --switch $(TARGET) --test $(ARGS)

# p4runtime-shell wants protobuf before 3.21, everything else a newer one.
.venv-shell/.installed: requirements-shell.txt
	@test -x .venv-shell/bin/pip || $(PYTHON) -m venv .venv-shell
	@echo "installing p4runtime-shell into .venv-shell"
	@.venv-shell/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-shell.txt
	@touch $@

shell: setup .venv-shell/.installed  ## p4runtime-shell on the running switch; WRITE=1 as primary, PUSH=1 loads the program
	@$(BIN)/python -m topo.shell $(if $(WRITE),--write) $(if $(PUSH),--push) $(ARGS)

doctor:  ## what is there, what is missing, and what that would enable
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m topo.doctor; else $(or $(PYTHON),python3) -m topo.doctor; fi

clean:  ## remove the virtual environment and caches
	rm -rf $(VENV) .venv-shell .venv-docs build toa/build .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info */*.egg-info toa/python/*.egg-info
