from typing import Any

import pytest

from prokip_shared.platforms.prokip_connector_products import Product, products_of


def group(name: str, *values: str) -> dict[str, Any]:
    return {"name": name, "variations": [{"id": ord(value[0]), "name": value, "sub_sku": value} for value in values]}


def only(*groups: dict[str, Any], kind: str = "variable") -> Product:
    (product,) = products_of([{"id": 5, "name": "Tee", "type": kind, "product_variations": list(groups)}])
    return product


def named(product: Product) -> list[str]:
    return [variation.name for variation in product.variations]


def test_a_variation_is_one_value_of_one_option() -> None:
    tee = only(group("Size", "S", "M"))
    assert (tee.option, named(tee)) == ("Size", ["S", "M"])


def test_where_there_are_several_options_each_value_names_its_own_because_they_are_not_crossed() -> None:
    tee = only(group("Size", "S", "M"), group("Colour", "Red"))
    assert (tee.option, named(tee)) == ("Option", ["Size: S", "Size: M", "Colour: Red"])


@pytest.mark.parametrize(("kind", "name"), [("single", "DUMMY"), ("variable", "DUMMY")])
def test_a_placeholder_is_no_name(kind: str, name: str) -> None:
    tee = only(group(name, "DUMMY"), kind=kind)
    assert (tee.option, named(tee)) == ("" if kind == "single" else "Option", [""])
