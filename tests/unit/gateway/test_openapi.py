import json
import re
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from gateway.openapi import build_document
from gateway.routes import ROUTES
from gateway.routing import Route

COMMITTED = Path(__file__).parents[3] / "services/gateway/openapi.json"
DOCUMENT = build_document(ROUTES)


def test_the_document_is_valid_openapi_3_1() -> None:
    validate(DOCUMENT, cls=OpenAPIV31SpecValidator)


def test_the_committed_document_is_the_apps() -> None:
    committed = json.loads(COMMITTED.read_text(encoding="utf-8"))
    assert committed == json.loads(json.dumps(DOCUMENT)), "python -m gateway.document > services/gateway/openapi.json"


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [operation["operationId"] for path in DOCUMENT["paths"].values() for operation in path.values()]
    assert len(names) == len(set(names)) == len(ROUTES)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_secrets_go_in_and_never_come_out(route: Route) -> None:
    def fields(schema: Any) -> list[str]:
        if isinstance(schema, list):
            return [name for item in schema for name in fields(item)]
        if not isinstance(schema, dict):
            return []
        below = [name for item in schema.values() for name in fields(item)]
        return [*schema.get("properties", {}), *below]

    shown = set(fields(route.answer.model_json_schema(mode="serialization", by_alias=True)))
    allowed = {"token"} if route.name in {"POST /auth/login", "PUT /api/v1/session"} else set()
    told_once = route.path.endswith("/connections/custom") or route.name.startswith("POST /api/v1/connections/{id")
    allowed |= {"secret"} if told_once else set()
    secret = {name for name in shown if re.search("token|secret|password|credential|consumerkey", name.lower())}
    assert secret <= allowed
