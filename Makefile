# Everything here works on a machine with Rust, Python 3.10 or newer and make; the rest is installed into the checkout.

PYTHON ?= python3
# Architecture of the function zips: x86_64 or arm64. The local environment needs this machine's own.
ARCH ?= $(if $(filter aarch64 arm64,$(shell uname -m)),arm64,x86_64)

FUNCTIONS := check-version deploy-stack shift-traffic gather-health promote remove-old rollback
VENV := .venv
BIN := $(VENV)/bin
# Named after what is installed, so that a change of the requirements installs anew, whatever the files' times are.
INSTALLED := $(VENV)/installed-$(shell cksum < local/requirements.txt | tr ' ' -)
# What tests, checks and packaging need besides.
TOOLS := $(VENV)/tools-$(shell cksum < local/requirements-tools.txt | tr ' ' -)
TEMPLATES := $(wildcard infra/*.yaml samples/*/environment.yaml samples/*/*/specfiles/canary-helper.yaml cli/tests/golden/*/template.yaml)
DENY_VERSION := 0.20.2
DENY := target/tools/$(DENY_VERSION)/bin/cargo-deny
AUDIT_VERSION := 2.10.1
AUDIT := target/tools/pip-audit-$(AUDIT_VERSION)/bin/pip-audit
INFRA := PYTHONPATH=infra/deploy $(BIN)/python -m canary_infra
INFRA_TARGETS := set-env create-vpc create-ecs-mesh create-monitoring-resources create-shared-cloudformation-stack \
	create-sample-microservice-pipeline-stack delete-sample-microservice-pipeline-stack delete-shared-cloudformation-stack \
	delete-monitoring-resources delete-ecs-mesh delete-vpc delete-blog-contents
# A Ctrl-C that comes while Python itself starts waits for the program, which ends with a line instead of a traceback.
LATER = $(shell env --block-signal=INT true 2> /dev/null && echo env --block-signal=INT)
LOCAL = PYTHONPATH=local/environment $(LATER) $(BIN)/python -m canary_local
# Whether an environment, the demo's and the load's included, has its state in a folder. What it was started with, whatever is
# pinned now, can look at it and end it.
STATE_DIR = $(or $(CANARY_STATE_DIR),.local)
running = find "$(1)" -maxdepth 3 -name state.json 2> /dev/null | grep -q .
USABLE = { test -x $(BIN)/python || $(MAKE) --no-print-directory $(INSTALLED); }

.DEFAULT_GOAL := help
.PHONY: help demo load check definition test faults fuzz lint advisories up down status env deploy repair call logs package package-cli build clean bench $(INFRA_TARGETS)

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "  make %-11s %s\n", $$1, $$2 }'
	@echo "Stacks on AWS, or in the environment that 'make up' keeps (infra/README.md):"
	@printf '  make %s\n' $(INFRA_TARGETS)

# To ask for help needs no build.
needed = $(if $(filter --help -h,$(1)),$(or $(2),$(INSTALLED)),$(or $(2),$(INSTALLED)) build)

demo: $(call needed,$(DEMO_OPTIONS)) ## Play the canary scenes with live traffic; report in target/demo (DEMO_OPTIONS=--help)
	@$(LOCAL).demo $(DEMO_OPTIONS)

load: $(call needed,$(LOAD_OPTIONS),$(TOOLS)) ## Deploy many services at once, throttled (LOAD_OPTIONS="--services 200 --help")
	PYTHONPATH=local/environment:tests $(LATER) $(BIN)/python -m load $(LOAD_OPTIONS)

up: $(call needed,$(UP_OPTIONS)) ## Start the environment, deploy hello and return (UP_OPTIONS="--bare --port N --images FILE", UP_OPTIONS=--help)
	@$(LOCAL) up $(UP_OPTIONS)

down: ## End the environment, and the demo's if there is one
	@if $(call running,$(STATE_DIR)); then $(USABLE) && $(LOCAL) down; else echo "nothing is running"; fi

status: ## Say what runs in the environment
	@if $(call running,$(STATE_DIR)); then $(USABLE) && $(LOCAL) status; \
	else echo "nothing is running: \`make up\` starts the environment"; fi

deploy: $(INSTALLED) ## Start a deployment and follow it (EVENT=path.json)
	@test -n "$(EVENT)" || { echo "error: say what to deploy: make deploy EVENT=path.json" >&2; exit 2; }
	@$(LOCAL) deploy --event "$(EVENT)"

env: $(INSTALLED) ## Print the variables that AWS clients need, for a shell to eval
	@$(LOCAL) env

repair: $(INSTALLED) ## Take back what a deployment left that was stopped (SERVICE=name, ENVIRONMENT=demo)
	@test -n "$(SERVICE)" || { echo "error: say what to repair: make repair SERVICE=name" >&2; exit 2; }
	@$(LOCAL) repair "$(SERVICE)" $(if $(ENVIRONMENT),--environment "$(ENVIRONMENT)")

call: $(INSTALLED) ## Make requests (URL=http://... COUNT=100 HEADER=x-version HOST_HEADER=name ALLOW_FAILED=1)
	@test -n "$(URL)" || { echo "error: say what to call: make call URL=http://host:port/path" >&2; exit 2; }
	@$(LOCAL) call "$(URL)" $(if $(COUNT),--count "$(COUNT)") $(if $(HEADER),--header "$(HEADER)") \
		$(if $(HOST_HEADER),--host-header "$(HOST_HEADER)") \
		$(if $(ALLOW_FAILED),--allow-failed)

logs: $(INSTALLED) ## Show the end of the environment's logs, or of one (NAME=part of a task's or container's)
	@$(LOCAL) logs $(if $(filter command,$(origin NAME)),"$(NAME)")

check: $(TOOLS) ## What to run before a commit: formatting, lints, templates, unit and contract tests; starts no environment
	cargo fmt --check
	$(BIN)/ruff check local samples tests infra bench statemachine
	$(BIN)/ruff format --check local samples tests infra bench statemachine
	$(BIN)/cfn-lint $(TEMPLATES)
	cargo clippy --workspace --all-targets -- -D warnings
	cargo test --quiet --workspace --lib --test 'contract_*'

definition: $(INSTALLED) ## Write statemachine/canary.asl.json from its source, canary.asl.yaml
	$(BIN)/python statemachine/write.py

# Tests wait more than they compute: five keep the two processors busy that the project counts on. What measures runs by itself.
TEST_WORKERS ?= 5
# The tests run what is deployed to AWS: the small zips of `make package`.
test: export CANARY_ZIPS := target/package
test: package build ## Run every test
	cargo test --workspace
	$(BIN)/python -m pytest --numprocesses $(TEST_WORKERS) --dist loadgroup --no-loadscope-reorder --ignore tests/bench_functions.py
	$(BIN)/python -m pytest tests/bench_functions.py

faults: $(call needed,$(FAULTS_OPTIONS),$(TOOLS)) ## Hit every AWS call of a deployment with every fault (FAULTS_OPTIONS=--help)
	@PYTHONPATH=local/environment:tests $(LATER) $(BIN)/python -m faults $(FAULTS_OPTIONS)

# What the functions are measured against, built as they are.
test bench: BESIDE := floor
bench: export CANARY_ZIPS := target/package

bench: $(if $(filter --help -h,$(BENCH_OPTIONS)),,package) $(call needed,$(BENCH_OPTIONS),$(TOOLS)) ## Measure, and write docs/measurements.md (BENCH_OPTIONS="functions --rounds 9", BENCH_OPTIONS=--help)
	$(if $(filter --help -h,$(BENCH_OPTIONS)),,cargo build --release -p bench-functions)
	PYTHONPATH=bench:local/environment $(LATER) $(BIN)/python -m canary_bench $(BENCH_OPTIONS)

lint: check $(DENY) ## What `make check` does, and licences and advisories
	$(DENY) check --hide-inclusion-graph licenses bans sources
	@$(MAKE) --no-print-directory advisories

# Each is checked where its database can be reached, and said not to be where it cannot: that is not the same as nothing found.
ADVISORIES := target/advisories
advisories: $(TOOLS) $(DENY) $(AUDIT) ## Check the advisories about crates and Python packages
	@if $(DENY) fetch db > /dev/null 2>&1; then $(DENY) check advisories; \
	else echo "advisories about crates: NOT checked, their database cannot be reached from here"; fi
	@mkdir -p $(ADVISORIES) && rm -f $(ADVISORIES)/python.json
	@if $(AUDIT) --path $(VENV)/lib/python3*/site-packages --progress-spinner off --format json \
		--output $(ADVISORIES)/python.json > $(ADVISORIES)/python.log 2>&1; \
	then echo "advisories about Python packages: none"; \
	elif [ -s $(ADVISORIES)/python.json ]; then cat $(ADVISORIES)/python.log $(ADVISORIES)/python.json; exit 1; \
	else echo "advisories about Python packages: NOT checked, their database cannot be reached from here:" \
		"$$(tail -n 1 $(ADVISORIES)/python.log)"; fi

# Always the whole workspace: with other packages chosen, cargo would choose other features of the SDK and compile it anew.
build: ## Build everything for this machine, and zip the functions into target/functions
	@command -v cargo > /dev/null || { echo "error: cargo is missing: install Rust from https://rustup.rs" >&2; exit 1; }
	cargo build --workspace
	@PYTHONPATH=local/environment $(PYTHON) -m canary_local.zips $(FUNCTIONS)

# Lambda's provided.al2023 has glibc 2.34. What cargo links by itself needs the glibc of the machine it runs on, which
# may be newer; cargo-lambda links with zig (from the ziglang package), against the version named in the target.
TARGET := $(if $(filter arm64,$(ARCH)),aarch64,x86_64)-unknown-linux-gnu.2.34

ARCH_IS_KNOWN = @case "$(ARCH)" in x86_64|arm64) ;; *) echo "error: ARCH is x86_64 or arm64, not '$(ARCH)'" >&2; exit 2;; esac

package: $(TOOLS) ## Build the functions' zips for Lambda into target/package (ARCH=arm64 or x86_64)
	$(ARCH_IS_KNOWN)
	@command -v cargo > /dev/null || { echo "error: cargo is missing: install Rust from https://rustup.rs" >&2; exit 1; }
	PATH="$(CURDIR)/$(BIN):$$PATH" cargo lambda build --release --target $(TARGET) --output-format zip \
		--lambda-dir target/lambda $(FUNCTIONS:%=-p %) $(BESIDE:%=-p %)
	@mkdir -p target/package
	@for function in $(FUNCTIONS); do \
		cp target/lambda/$$function/bootstrap.zip target/package/$$function.zip || exit 1; \
	done

package-cli: $(TOOLS) ## Build the canary command that a pipeline's builds run (ARCH=arm64 or x86_64)
	$(ARCH_IS_KNOWN)
	PATH="$(CURDIR)/$(BIN):$$PATH" cargo lambda build --release --target $(TARGET) --lambda-dir target/lambda -p canary-cli
	@mkdir -p target/package && cp target/lambda/canary/bootstrap target/package/canary-$(ARCH)

# Each says what it takes: make create-vpc SETTINGS=--help
$(INFRA_TARGETS): $(INSTALLED)
	@$(INFRA) $(SETTINGS_FILE:%=--settings %) $@ $(SETTINGS)

$(INSTALLED):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2> /dev/null || { \
		echo "error: Python 3.10 or newer is needed and '$(PYTHON)' is not; try make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || { \
		echo "error: no virtual environment could be made; on Debian and Ubuntu install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --requirement local/requirements.txt
	@touch $@

$(TOOLS): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --requirement local/requirements-tools.txt
	@touch $@

$(DENY):
	cargo install --quiet --locked --root target/tools/$(DENY_VERSION) cargo-deny@$(DENY_VERSION)

$(AUDIT):
	$(PYTHON) -m venv --clear $(dir $(@D))
	$(dir $(@D))bin/python -m pip install --quiet --disable-pip-version-check --no-compile pip-audit==$(AUDIT_VERSION)

# How many inputs each property is tried on; `make test` tries 1,000 of each kind that costs little, and 256 of the others.
INPUTS ?= 100000
fuzz: ## Try the properties of requests, names, route documents and log text on many inputs (INPUTS=1000000)
	@case "$(INPUTS)" in *[!0-9]*|0*|??????????*|"") \
		echo "error: INPUTS is a whole number from 1 to 999999999, not '$(INPUTS)'" >&2; exit 2;; esac
	@command -v cargo > /dev/null || { echo "error: cargo is missing: install Rust from https://rustup.rs" >&2; exit 1; }
	PROPTEST_CASES=$(INPUTS) cargo test --quiet -p canary-core --lib -- --nocapture properties:: text::
	PROPTEST_CASES=$(INPUTS) cargo test --quiet -p local-appmesh --test properties -- --nocapture

clean: ## Remove what was built and installed (ends the environment first)
	@if [ -x $(BIN)/python ] && $(call running,.local); then $(LOCAL) --state-dir .local down; fi
	rm -rf $(VENV) .local target
