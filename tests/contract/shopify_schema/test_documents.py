"""Every GraphQL document that is sent fits Shopify's published schema, and keeps the rules that the schema leaves out."""

import gzip
import json
import re
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLSchema,
    Node,
    NoDeprecatedCustomRule,
    ObjectValueNode,
    build_client_schema,
    parse,
    validate,
)
from graphql.language import Visitor, visit

from prokip_shared.platforms import shopify_wire as wire
from prokip_shared.platforms.store import ItemKey, QuantityWrite

SCHEMA = Path(__file__).parents[1] / "schemas" / "shopify_admin_2026-10.json.gz"
FOLDER = resources.files("prokip_shared.platforms") / "graphql"
DOCUMENTS = sorted(file.name.removesuffix(".graphql") for file in FOLDER.iterdir() if file.name.endswith(".graphql"))
WRITES_QUANTITIES = re.compile(r"^inventory(Set|Adjust|Move)\w*Quantities$|^inventoryActivate$")
PERSONAL = ("customer", "address", "email", "phone", "first_name", "last_name", "browser_ip", "note", "contact")


@cache
def schema() -> GraphQLSchema:
    """Shopify's own schema breaks six interface rules of graphql-core, hence `assume_valid`."""
    with gzip.open(SCHEMA) as file:
        return build_client_schema(json.load(file)["data"], assume_valid=True)


def fields_of(document: DocumentNode) -> Iterator[FieldNode]:
    found: list[FieldNode] = []

    class Collect(Visitor):
        def enter_field(self, node: FieldNode, *_rest: Any) -> None:
            found.append(node)

    visit(document, Collect())
    yield from found


def test_there_are_documents_to_hold_to_the_schema() -> None:
    assert "set_quantities" in DOCUMENTS


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_document_fits_the_schema_of_the_pinned_version(name: str) -> None:
    assert wire.API_VERSION == "2026-10"
    document = parse(wire.document(name))
    assert validate(schema(), document) == []
    assert validate(schema(), document, [NoDeprecatedCustomRule]) == []


def unguarded(document: DocumentNode) -> list[str]:
    """What a document that writes quantities lacks: the idempotency key, or what a line is written over."""
    lacks = []
    for field in fields_of(document):
        if not WRITES_QUANTITIES.match(field.name.value):
            continue
        if [directive.name.value for directive in field.directives or ()] != ["idempotent"]:
            lacks.append(f"{field.name.value}: @idempotent")
        for argument in field.arguments or ():
            lacks += [f"{field.name.value}: changeFromQuantity" for _ in blind_lines(argument)]
    return lacks


def blind_lines(argument: Node) -> Iterator[ObjectValueNode]:
    """Lines that stand in the document itself and name a quantity or a delta, but not what it is written over."""
    found: list[ObjectValueNode] = []

    class Collect(Visitor):
        def enter_object_value(self, node: ObjectValueNode, *_rest: Any) -> None:
            names = {field.name.value for field in node.fields}
            if names & {"quantity", "delta"} and "changeFromQuantity" not in names:
                found.append(node)

    visit(argument, Collect())
    yield from found


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_set_or_adjust_is_idempotent_and_names_what_it_is_written_over(name: str) -> None:
    assert unguarded(parse(wire.document(name))) == []


@pytest.mark.parametrize(
    ("document", "lacks"),
    [
        ("mutation { inventorySetQuantities(input: $i) { userErrors { code } } }", ["@idempotent"]),
        ("mutation { inventoryAdjustQuantities(input: $i) { userErrors { code } } }", ["@idempotent"]),
        (
            (
                "mutation { inventorySetQuantities(input: {quantities: [{inventoryItemId: 1, quantity: 5}]})"
                ' @idempotent(key: "k") { userErrors { code } } }'
            ),
            ["changeFromQuantity"],
        ),
        (
            (
                "mutation { inventoryAdjustQuantities(input: {changes: [{delta: -1, inventoryItemId: 1}]})"
                " { userErrors { code } } }"
            ),
            ["@idempotent", "changeFromQuantity"],
        ),
        (
            (
                "mutation { inventorySetQuantities(input: {quantities: [{quantity: 5, changeFromQuantity: null}]})"
                ' @idempotent(key: "k") { userErrors { code } } }'
            ),
            [],
        ),
    ],
)
def test_a_set_or_adjust_that_lacks_either_is_found(document: str, lacks: list[str]) -> None:
    assert [one.partition(": ")[2] for one in unguarded(parse(document))] == lacks


def test_every_line_of_a_set_names_what_it_is_written_over() -> None:
    lines = [
        QuantityWrite(ItemKey("1", place_ref="9"), "A", 5, 7),
        QuantityWrite(ItemKey("2", place_ref="9"), "B", 0, None),
    ]
    sent = wire.set_variables(lines, "key")["quantities"]
    assert [line["changeFromQuantity"] for line in sent] == [7, None]
    allowed = set(schema().type_map["InventoryQuantityInput"].fields)  # type: ignore[attr-defined]  # an input object
    assert all(set(line) <= allowed for line in sent)


def test_every_topic_exists_and_its_fields_hold_the_time_of_change_and_nothing_personal() -> None:
    topics = set(schema().type_map["WebhookSubscriptionTopic"].values)  # type: ignore[attr-defined]  # an enum
    for topic, fields in wire.WEBHOOKS.items():
        assert topic in topics
        assert "updated_at" in fields
        assert not [field for field in fields for word in PERSONAL if word in field]


def test_every_error_code_of_a_set_is_one_that_we_know_what_to_do_with() -> None:
    codes = set(schema().type_map["InventorySetQuantitiesUserErrorCode"].values)  # type: ignore[attr-defined]  # an enum
    handled = wire.STALE_CODES | wire.RETRY_SAME_KEY_CODES | wire.RETRY_NEW_KEY_CODES | set(wire.OUTCOMES)
    for_good = {code for code in codes - handled if code.startswith(("INVALID_", "NON_MUTABLE_", "NO_DUPLICATE_"))}
    assert codes - handled - for_good == {"COMPARE_QUANTITY_REQUIRED"}  # left over from 2026-01; we always name one
