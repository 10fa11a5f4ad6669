# Needs Rust, a C compiler, Go and make; nothing else. Go is only for the programs of the end-to-end tests.
#
# CARGO_FLAGS goes to every cargo call that builds, e.g. CARGO_FLAGS=--offline.

CARGO ?= cargo
CARGO_FLAGS ?=
FUZZ_SECONDS ?= 60

cargo = $(CARGO) $(1) --locked $(CARGO_FLAGS)

# Two cargo calls side by side would only wait for each other's lock.
.NOTPARALLEL:
.DEFAULT_GOAL := help

.PHONY: help
help: ## Say what there is to make (default)
	@echo 'countersign: make TARGET'
	@echo
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: quickstart
quickstart: ## Build, then sign and judge example images on this machine, with a registry and a webhook on loopback
	@$(call cargo,build)
	@$(call cargo,run) --quiet -- quickstart --cosign-data tests/data/cosign

.PHONY: test
test: check unit it e2e ## All that must hold before a change lands: check, unit, it, e2e

.PHONY: check
check: ## Formatting, lints and documentation, with every warning an error
	$(CARGO) fmt --check
	$(call cargo,clippy) --all-targets -- -D warnings
	$(call cargo,clippy) --test e2e -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(call cargo,doc) --no-deps

.PHONY: unit
unit: ## The tests that stand beside the code, and the examples in its documentation
	$(call cargo,test) --lib --bins
	$(call cargo,test) --doc

.PHONY: it
it: ## The tests under tests/: the library and the program from outside, and the rules of the house
	$(call cargo,test) --test architecture --test it

.PHONY: e2e
e2e: ## The tests against a real cluster, registries and cosign (built first, cached; root gets the packages of a node too)
	e2e/tools/build
	e2e/tools/packages
	$(call cargo,test) --test e2e

.PHONY: bench
bench: ## Measure latency, throughput, memory, start and size, with the optimised program
	$(call cargo,bench) --bench '*'

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZ_SECONDS each (needs cargo-fuzz and a nightly toolchain)
	@command -v cargo-fuzz >/dev/null || { \
	  echo 'cargo-fuzz is not installed: cargo install cargo-fuzz --locked'; \
	  echo 'the same targets run with a fixed seed in `make it`'; exit 1; }
	@set -e; for target in $$($(CARGO) +nightly fuzz list --fuzz-dir tests/fuzz); do \
	  $(CARGO) +nightly fuzz run --fuzz-dir tests/fuzz "$$target" -- -max_total_time=$(FUZZ_SECONDS); \
	done

.PHONY: fmt
fmt: ## Format the code
	$(CARGO) fmt

.PHONY: deny
deny: ## Check licences, sources and bans with cargo-deny (ADVISORIES=1: known vulnerabilities too, needs the network)
	@command -v cargo-deny >/dev/null || { \
	  echo 'cargo-deny is not installed: cargo install cargo-deny --locked'; \
	  echo 'the bans and the source of every crate are checked without it in `make it`'; exit 1; }
	$(CARGO) deny --locked check bans licenses sources $(if $(ADVISORIES),advisories)
