"""The OpenAPI 3.1 document, made from the route table: nothing about a path is written down twice."""

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from gateway.callers import BUSINESS_HEADER, COOKIE
from gateway.models.base import ProblemBody
from gateway.routing import FORM, Route
from prokip_shared.web.problems import PROBLEM_CONTENT_TYPE

OPENAPI_VERSION: Final = "3.1.0"
API_VERSION: Final = "1.0.0"
PATH_PARAMETER: Final = re.compile(r"\{(\w+)(?::([^{}]*(?:\{[^{}]*\}[^{}]*)*))?\}")
REF: Final = "#/components/schemas/{model}"
BUSINESS_PARAMETER: Final = {
    "name": BUSINESS_HEADER,
    "in": "header",
    "required": False,
    "description": "Acts for another business that the user belongs to.",
    "schema": {"type": "string", "pattern": "^[0-9]{1,18}$"},
}


def build_document(routes: Sequence[Route]) -> dict[str, Any]:
    refs, schemas = _schemas(routes)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(_plain_path(route.path), {})[route.method.lower()] = _operation(route, refs)
    return {
        "openapi": OPENAPI_VERSION,
        "info": {
            "title": "prokip-sync gateway",
            "version": API_VERSION,
            "description": "Keeps every store's quantity equal to what Prokip holds. Prose: docs/api.md.",
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}, {"cookie": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE},
            },
        },
    }


def _schemas(routes: Sequence[Route]) -> tuple[dict[tuple[type[BaseModel], str], Any], dict[str, Any]]:
    inputs = {route.given for route in routes if route.given is not None}
    outputs = {route.answer for route in routes} | {ProblemBody}
    wanted: list[tuple[type[BaseModel], Any]] = [
        *((model, "validation") for model in inputs),
        *((model, "serialization") for model in outputs),
    ]
    wanted.sort(key=lambda pair: (pair[0].__name__, pair[1]))
    refs, definitions = models_json_schema(wanted, by_alias=True, ref_template=REF)
    by_model = {(model, mode): refs[model, mode] for model, mode in wanted}
    return by_model, dict(sorted(definitions["$defs"].items()))


def _operation(route: Route, refs: dict[tuple[type[BaseModel], str], Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _operation_id(route),
        "tags": [route.docs.tag],
        "summary": route.docs.summary,
        "parameters": [*_path_parameters(route.path), *_query_parameters(route)],
        "responses": {
            str(route.status): {
                "description": HTTPStatus(route.status).phrase,
                "content": {route.answer_type: {"schema": refs[route.answer, "serialization"]}},
            }
        },
    }
    if route.access == "open":
        operation["security"] = []
    else:
        operation["parameters"].append(BUSINESS_PARAMETER)
    if route.given is not None and route.method != "GET":
        schema = {"schema": refs[route.given, "validation"]}
        kinds = ("application/json", FORM) if route.form_too else ("application/json",)
        operation["requestBody"] = {"required": not route.body_optional, "content": dict.fromkeys(kinds, schema)}
    problem = {"content": {PROBLEM_CONTENT_TYPE: {"schema": refs[ProblemBody, "serialization"]}}}
    for status in _problem_statuses(route):
        operation["responses"][str(status)] = {"description": HTTPStatus(status).phrase, **problem}
    return operation


def _problem_statuses(route: Route) -> list[int]:
    statuses = set(route.docs.problems)
    if route.access == "caller":
        statuses |= {401, 403}
    if route.given is not None:
        statuses.add(422)
        if route.method != "GET":
            statuses |= {400, 413, 415}
    return sorted(statuses)


def _plain_path(path: str) -> str:
    return PATH_PARAMETER.sub(lambda match: f"{{{match[1]}}}", path)


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {
            "name": match[1],
            "in": "path",
            "required": True,
            "schema": {"type": "string"} | ({"pattern": f"^{match[2]}$"} if match[2] else {}),
        }
        for match in PATH_PARAMETER.finditer(path)
    ]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    if route.given is None or route.method != "GET":
        return []
    schema = route.given.model_json_schema(by_alias=True, mode="validation")
    required = set(schema.get("required", ()))
    return [
        {"name": name, "in": "query", "required": name in required, "schema": about}
        for name, about in schema["properties"].items()
    ]


def _operation_id(route: Route) -> str:
    words = re.findall(r"[A-Za-z0-9]+", _plain_path(route.path))
    return route.method.lower() + "".join(word[:1].upper() + word[1:] for word in words)
