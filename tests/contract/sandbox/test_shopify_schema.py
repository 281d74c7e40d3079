"""The sandbox's schema is a part of Shopify's published one: same fields, arguments, types and enum values."""

import gzip
import json
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from graphql import (
    DirectiveDefinitionNode,
    EnumTypeDefinitionNode,
    FieldDefinitionNode,
    InputObjectTypeDefinitionNode,
    InputValueDefinitionNode,
    InterfaceTypeDefinitionNode,
    ObjectTypeDefinitionNode,
    ScalarTypeDefinitionNode,
    TypeNode,
    UnionTypeDefinitionNode,
    parse,
    print_ast,
)

PUBLISHED = Path(__file__).parents[1] / "schemas" / "shopify_admin_2026-10.json.gz"


@lru_cache(maxsize=1)
def _published() -> dict[str, Any]:
    with gzip.open(PUBLISHED) as file:
        schema: dict[str, Any] = json.load(file)["data"]["__schema"]
    return schema


def _type(reference: dict[str, Any]) -> str:
    match reference["kind"]:
        case "NON_NULL":
            return _type(reference["ofType"]) + "!"
        case "LIST":
            return f"[{_type(reference['ofType'])}]"
        case _:
            return str(reference["name"])


def _text(node: TypeNode) -> str:
    return print_ast(node)


def _inputs(nodes: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in nodes or ():
        assert isinstance(node, InputValueDefinitionNode)
        default = f" = {print_ast(node.default_value)}" if node.default_value else ""
        found[node.name.value] = _text(node.type) + default
    return found


def _published_inputs(rows: list[dict[str, Any]]) -> dict[str, str]:
    return {
        row["name"]: _type(row["type"]) + (f" = {row['defaultValue']}" if row["defaultValue"] else "") for row in rows
    }


def _field_faults(owner: str, fields: Any, published: dict[str, Any]) -> list[str]:
    known = {field["name"]: field for field in published["fields"]}
    faults = []
    for field in fields or ():
        assert isinstance(field, FieldDefinitionNode)
        name = f"{owner}.{field.name.value}"
        theirs = known.get(field.name.value)
        if theirs is None:
            faults.append(f"{name} is not published")
            continue
        if _text(field.type) != _type(theirs["type"]):
            faults.append(f"{name}: {_text(field.type)}, published {_type(theirs['type'])}")
        arguments, published_arguments = _inputs(field.arguments), _published_inputs(theirs["args"])
        faults += [f"{name}({a}: {t})" for a, t in arguments.items() if published_arguments.get(a) != t]
        missing = [a for a, t in published_arguments.items() if t.endswith("!") and a not in arguments]
        faults += [f"{name}: required argument {argument} is missing" for argument in missing]
    return faults


def test_every_line_of_the_schema_is_published() -> None:
    published = {one["name"]: one for one in _published()["types"]}
    text = resources.files("prokip_sandbox.shopify").joinpath("schema.graphql").read_text()
    faults: list[str] = []
    seen = 0
    for node in parse(text).definitions:
        name = node.name.value if hasattr(node, "name") and node.name else ""
        if isinstance(node, ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode):
            faults += _field_faults(name, node.fields, published[name])
            interfaces = {one["name"] for one in published[name]["interfaces"] or ()}
            faults += [f"{name} is no {i.name.value}" for i in node.interfaces or () if i.name.value not in interfaces]
        elif isinstance(node, InputObjectTypeDefinitionNode):
            theirs = _published_inputs(published[name]["inputFields"])
            ours = _inputs(node.fields)
            faults += [f"{name}.{field}: {kind}" for field, kind in ours.items() if theirs.get(field) != kind]
            faults += [
                f"{name}.{field} is required"
                for field, kind in theirs.items()
                if kind.endswith("!") and field not in ours
            ]
        elif isinstance(node, EnumTypeDefinitionNode):
            theirs_values = {value["name"] for value in published[name]["enumValues"]}
            faults += [f"{name}.{v.name.value}" for v in node.values or () if v.name.value not in theirs_values]
        elif isinstance(node, UnionTypeDefinitionNode):
            possible = {one["name"] for one in published[name]["possibleTypes"]}
            faults += [f"{name}: {t.name.value}" for t in node.types or () if t.name.value not in possible]
        elif isinstance(node, ScalarTypeDefinitionNode):
            assert published[name]["kind"] == "SCALAR"
        elif isinstance(node, DirectiveDefinitionNode):
            (theirs_directive,) = [one for one in _published()["directives"] if one["name"] == name]
            assert _inputs(node.arguments) == _published_inputs(theirs_directive["args"])
        seen += 1
    assert faults == []
    assert seen > 80


def test_the_error_codes_of_a_set_are_all_there() -> None:
    (published,) = [one for one in _published()["types"] if one["name"] == "InventorySetQuantitiesUserErrorCode"]
    text = resources.files("prokip_sandbox.shopify").joinpath("schema.graphql").read_text()
    assert all(value["name"] in text for value in published["enumValues"])
