# What the README says, nothing else. `make demo` and `make check` need Rust and a C compiler; `make test`
# installs the services that it runs against. What Debian has and the machine lacks is installed, or named:
# tools/needs.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

ARGS ?=

export CARGO_TERM_COLOR ?= auto

.PHONY: help demo test check soak kills scale simulate fuzz mutants bench lint deny services

help: ## shows this
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | sort | expand -t 12

demo: ## runs the whole pipeline on this machine, e.g. make demo ARGS=--help
	@tools/needs build
	cargo build --workspace --locked --bin counterflow
	$${CARGO_TARGET_DIR:-target}/debug/counterflow demo $(ARGS)

test: ## everything: lints, documentation, and the whole suite on real services
	tools/test

check: ## the tests that need no service: about two minutes once built
	tools/test --no-services

soak: services ## sells while everything is killed, stopped and cut off: ARGS="--minutes 30 --seed 7"
	@tools/soak $(ARGS)

kills: services ## kills a member at every step that it has, a hundred times each; COUNTERFLOW_KILLS_PER_CELL=N for more
	cargo build --workspace --locked --bin counterflow
	COUNTERFLOW_KILLS_PER_CELL=$${COUNTERFLOW_KILLS_PER_CELL:-100} cargo test --workspace --locked --test pipeline -- \
	  --nocapture --exact real::faults::kills::b1_whichever_step_a_member_dies_at_the_effect_is_one

scale: services ## audits 1000000 purchases in less than 1 GiB of memory; COUNTERFLOW_AUDIT_PURCHASES=N for more
	cargo build --workspace --locked --bin counterflow
	COUNTERFLOW_AUDIT_PURCHASES=$${COUNTERFLOW_AUDIT_PURCHASES:-1000000} cargo test --workspace --locked --test pipeline -- \
	  --nocapture --exact real::scale::what_an_audit_holds_does_not_grow_with_the_purchases

simulate: ## the whole choreography in memory, seed after seed, until it is stopped; tests/README.md
	COUNTERFLOW_SEEDS=forever cargo test --workspace --locked --test simulation -- \
	  --nocapture --exact whatever_the_order_each_purchase_comes_to_one_end

fuzz: ## searches for inputs that break a promise: ARGS="--seconds 600 http_body", ARGS=--list
	@tools/fuzz $(ARGS)

mutants: services ## breaks the product on purpose, one line at a time, and says which test notices; ARGS=name for one
	@tools/needs build
	cargo run --quiet --locked --package mutants -- $(ARGS)

bench: services ## measures; how and against whom: bench/README.md
	cargo build --release --workspace --locked --bin counterflow
	cargo bench --workspace --locked --bench decode --bench decide --bench drain $(ARGS)

lint: ## formatting, clippy and documentation, every warning an error
	tools/lint

deny: ## licences, sources, duplicates and known vulnerabilities of what we depend on
	tools/deny

services: ## installs the services that the tests run against into .cache/
	@tools/services/install
