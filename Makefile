# The project's commands. `make` alone lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MEMBERS := shared services/gateway services/webhook-ingest services/inventory services/store-push services/prokip-poller deploy/sandbox deploy/onebox
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help run test check bench simulate simulate-mutations migrate rebuild clean install lock

help: ## list the commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-19s %s\n", $$1, $$2}'

run: $(STAMP) ## run the whole system on this machine with simulated stores and ERP
	$(BIN)/python -m prokip_onebox

test: $(STAMP) ## run every test; installs RabbitMQ and Chromium with apt when root
	tests/support/install_servers.sh
	$(BIN)/python -m pytest --numprocesses $$(( $$(nproc) + 1 )) --dist worksteal $(PYTEST_ARGS) # many wait for servers

check: $(STAMP) ## lint, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP) ## measure each path against a limit measured in the same run
	tests/support/install_servers.sh bench
	$(BIN)/python -m tests.bench

simulate: $(STAMP) ## run seeded histories of a simulated world; SEEDS=1000, a-b, or n-n for one with its log
	$(BIN)/python -m tests.simulation $(SEEDS)

simulate-mutations: $(STAMP) ## plant known bugs one at a time; the simulation must catch each
	$(BIN)/python -m tests.simulation $(or $(SEEDS),100) --mutations

migrate: $(STAMP) ## bring every schema of DATABASE_URL up to date
	$(BIN)/python -m prokip_onebox migrate

rebuild: $(STAMP) ## rebuild stock from its history in DATABASE_URL and compare
	$(BIN)/python -m inventory rebuild

clean: ## remove the environment, caches and the data of `make run`
	rm -rf $(VENV) .data .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

install: $(STAMP) ## set up the environment in .venv

$(STAMP): requirements.txt $(addsuffix /pyproject.toml,$(MEMBERS))
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "make: python3 -m venv does not work here; on Debian install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps $(addprefix -e ,$(MEMBERS))
	@touch $@

lock: ## compile requirements.in to requirements.txt
	$(BIN)/uv pip compile requirements.in --quiet --no-emit-index-url --no-annotate --no-header -o requirements.txt
