# Everything here works on a machine with Rust, Python 3.10 or newer and make; the rest is installed into the checkout.

PYTHON ?= python3
# Architecture of the function zips: x86_64 or arm64. The local environment needs this machine's own.
ARCH ?= $(if $(filter aarch64 arm64,$(shell uname -m)),arm64,x86_64)

FUNCTIONS := check-version deploy-stack shift-traffic gather-health remove-old rollback
VENV := .venv
BIN := $(VENV)/bin
# Named after what is installed, so that a change of the requirements installs anew, whatever the files' times are.
INSTALLED := $(VENV)/installed-$(shell cksum < local/requirements.txt | tr ' ' -)
TEMPLATES := $(wildcard infra/*.yaml samples/*/environment.yaml samples/*/*/canary-helper.yaml cli/tests/golden/*/template.yaml)
DENY_VERSION := 0.20.2
DENY := target/tools/$(DENY_VERSION)/bin/cargo-deny
INFRA := PYTHONPATH=infra/deploy $(BIN)/python -m canary_infra
INFRA_TARGETS := set-env create-vpc create-ecs-mesh create-monitoring-resources create-shared-cloudformation-stack \
	create-sample-microservice-pipeline-stack delete-sample-microservice-pipeline-stack delete-shared-cloudformation-stack \
	delete-monitoring-resources delete-ecs-mesh delete-vpc delete-blog-contents
LOCAL := PYTHONPATH=local/environment $(BIN)/python -m canary_local

.DEFAULT_GOAL := help
.PHONY: help demo test lint up down status deploy logs package package-cli build clean $(INFRA_TARGETS)

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "  make %-11s %s\n", $$1, $$2 }'
	@echo "Stacks on AWS, or in the environment that 'make up' keeps (infra/README.md):"
	@printf '  make %s\n' $(INFRA_TARGETS)

demo: package build ## Play the canary scenes with live traffic; report in target/demo
	PYTHONPATH=local/environment $(BIN)/python -m canary_local.demo $(DEMO_OPTIONS)

up: package build ## Start the environment, deploy hello and return (UP_OPTIONS="--port N --images FILE")
	@$(LOCAL) up $(UP_OPTIONS)

down: $(INSTALLED) ## End the environment
	@$(LOCAL) down

status: $(INSTALLED) ## Say what runs in the environment
	@$(LOCAL) status

deploy: $(INSTALLED) ## Start a deployment and follow it (EVENT=path.json)
	@test -n "$(EVENT)" || { echo "error: say what to deploy: make deploy EVENT=path.json" >&2; exit 2; }
	@$(LOCAL) deploy --event "$(EVENT)"

logs: $(INSTALLED) ## Show the end of the environment's logs
	@$(LOCAL) logs

test: package build ## Run every test
	cargo test --workspace
	$(BIN)/python -m pytest

lint: $(INSTALLED) $(DENY) ## Check formatting, lints, templates and licences
	cargo fmt --check
	cargo clippy --workspace --all-targets -- -D warnings
	$(BIN)/ruff check local tests infra
	$(BIN)/ruff format --check local tests infra
	$(BIN)/cfn-lint $(TEMPLATES)
	$(DENY) check --hide-inclusion-graph licenses bans sources
	@if $(DENY) fetch db > /dev/null 2>&1; then $(DENY) check advisories; \
	else echo "advisories: NOT checked, their database cannot be reached from here"; fi

build: ## Build the data plane, the hello sample and the canary command
	@command -v cargo > /dev/null || { echo "error: cargo is missing: install Rust from https://rustup.rs" >&2; exit 1; }
	cargo build -p local-dataplane -p sample-hello -p canary-cli

# Lambda's provided.al2023 has glibc 2.34. What cargo links by itself needs the glibc of the machine it runs on, which
# may be newer; cargo-lambda links with zig (from the ziglang package), against the version named in the target.
TARGET := $(if $(filter arm64,$(ARCH)),aarch64,x86_64)-unknown-linux-gnu.2.34

package: $(INSTALLED) ## Build the functions' zips for Lambda into target/package (ARCH=arm64 or x86_64)
	@case "$(ARCH)" in x86_64|arm64) ;; *) echo "error: ARCH is x86_64 or arm64, not '$(ARCH)'" >&2; exit 2;; esac
	@command -v cargo > /dev/null || { echo "error: cargo is missing: install Rust from https://rustup.rs" >&2; exit 1; }
	PATH="$(CURDIR)/$(BIN):$$PATH" cargo lambda build --release --target $(TARGET) --output-format zip \
		--lambda-dir target/lambda $(FUNCTIONS:%=-p %)
	@mkdir -p target/package
	@for function in $(FUNCTIONS); do \
		cp target/lambda/$$function/bootstrap.zip target/package/$$function.zip || exit 1; \
	done

package-cli: $(INSTALLED) ## Build the canary command that a pipeline's builds run (ARCH=arm64 or x86_64)
	PATH="$(CURDIR)/$(BIN):$$PATH" cargo lambda build --release --target $(TARGET) --lambda-dir target/lambda -p canary-cli
	@mkdir -p target/package && cp target/lambda/canary/bootstrap target/package/canary-$(ARCH)

# Each says what it takes: make create-vpc SETTINGS=--help
$(INFRA_TARGETS): $(INSTALLED)
	@$(INFRA) $(SETTINGS_FILE:%=--settings %) $@ $(SETTINGS)

$(INSTALLED): local/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2> /dev/null || { \
		echo "error: Python 3.10 or newer is needed and '$(PYTHON)' is not; try make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || { \
		echo "error: no virtual environment could be made; on Debian and Ubuntu install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement local/requirements.txt
	@touch $@

$(DENY):
	cargo install --quiet --locked --root target/tools/$(DENY_VERSION) cargo-deny@$(DENY_VERSION)

clean: ## Remove what was built and installed (ends the environment first)
	@if [ -x $(BIN)/python ] && [ -e .local/state.json ]; then $(LOCAL) down; fi
	rm -rf $(VENV) .local target
