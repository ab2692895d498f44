# What a person types. `make help` lists it. Each verb is a short script in ci/, which CI runs too.
.PHONY: help run test lint format build bench clean environment
.DEFAULT_GOAL := help

help: ## List the verbs.
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## /\1\t/' | expand -t 14

environment: ## Make .venv and .venvs/reference with the locked requirements.
	@ci/environment

run: ## Build and install ipyrust in .venv, execute notebooks/demo.ipynb on it, write build/demo/demo.html.
	@ci/environment --only-own
	@ci/wheel
	@.venv/bin/python -m ipyrust.install --sys-prefix
	@.venv/bin/python ci/demo.py

test: build ## Run every test: Rust, Python, real clients, every CPython found.
	@ci/test

lint: build ## Check formatting, types, the extension's stub, and configuration.
	@ci/lint

format: environment ## Format Rust and Python.
	@cargo fmt --all
	@.venv/bin/ruff check --quiet --fix . || true
	@.venv/bin/ruff format --quiet .

build: environment ## Build the wheel and install it in .venv.
	@ci/wheel

bench: ## Measure ipyrust beside ipykernel and other kernels; see benchmarks/README.md.
	@ci/bench

clean: ## Remove what builds and tests left behind.
	@cargo clean --quiet
	@rm -rf .venv .venvs build dist .pytest_cache .mypy_cache .ruff_cache
	@find python tests benchmarks -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
	@rm -f python/ipyrust/_core*.so
