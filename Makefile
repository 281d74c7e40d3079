# The project's commands. `make` alone lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MEMBERS := shared services/gateway services/webhook-ingest services/inventory services/store-push services/prokip-poller deploy/sandbox deploy/onebox
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install lock

help: ## list the commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

install: $(STAMP) ## set up the environment in .venv

$(STAMP): requirements.txt $(addsuffix /pyproject.toml,$(MEMBERS))
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "make: python3 -m venv does not work here; on Debian install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps $(addprefix -e ,$(MEMBERS))
	@touch $@

lock: ## compile requirements.in to requirements.txt
	$(BIN)/uv pip compile requirements.in --quiet --no-emit-index-url --no-annotate --no-header -o requirements.txt
