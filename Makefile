# `make run` shows Belfry, `make test` proves it. Everything else is a part of these two.

CARGO ?= cargo

.PHONY: run test fmt lint bench help

help: ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

run: ## Build and serve the demo on the embedded database, data in ./data
	@scripts/install.sh cc
	@echo "Building Belfry; the first time this takes a few minutes on two cores."
	@echo "Then its address and the demo log-ins are printed here."
	$(CARGO) run -- serve --demo --data-dir ./data

test: ## Install what is missing, then check and test everything
	@scripts/test.sh

fmt: ## Format the code
	$(CARGO) fmt --all

lint: ## What `make test` checks before it builds
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

bench: ## Measure beside limits taken in the same run (release build)
	@benches/run.sh
