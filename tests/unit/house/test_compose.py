"""The compose file cannot be started here, so its words are held to the code: services, variables, ports."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from prokip_shared.settings import ServiceSettings

ROOT = Path(__file__).parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES = sorted(path.name for path in (ROOT / "services").iterdir() if path.is_dir())


def _settings(service: str) -> type[ServiceSettings]:
    definition = import_module(f"{service.replace('-', '_')}.app").SERVICE
    settings: type[ServiceSettings] = definition.settings
    return settings


@pytest.mark.parametrize("service", SERVICES)
def test_compose_sets_only_variables_that_the_service_knows_and_all_that_it_needs(service: str) -> None:
    given = set(COMPOSE["services"][service]["environment"])
    fields = _settings(service).model_fields
    required = {name.upper() for name, field in fields.items() if field.is_required()}
    assert given <= {name.upper() for name in fields}
    assert required <= given


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_is_built_from_its_own_folder_and_waits_for_its_servers(service: str) -> None:
    entry = COMPOSE["services"][service]
    assert entry["build"]["args"] == {"SERVICE": service}
    assert set(entry["depends_on"]) == {"postgres", "rabbitmq"}


def test_addresses_between_services_name_the_ports_that_these_listen_on() -> None:
    gateway = COMPOSE["services"]["gateway"]["environment"]
    for variable, service in (
        ("INVENTORY_URL", "inventory"),
        ("STORE_PUSH_URL", "store-push"),
        ("PROKIP_POLLER_URL", "prokip-poller"),
        ("INGEST_URL", "webhook-ingest"),
    ):
        assert gateway[variable] == f"http://{service}:{_settings(service).model_fields['port'].default}"


def test_the_example_environment_names_every_variable_without_a_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    wanted = {part.split(":?")[0] for part in text.split("${")[1:] if ":?" in part.split("}")[0]}
    named = {line.split("=")[0] for line in example.splitlines() if "=" in line and not line.startswith("#")}
    assert wanted == named
