"""What is on the wire never changes: each class against its frozen file.

A class that fails here has changed. Do not write the file anew; add a class with the next version.
"""

import json
from pathlib import Path

import pytest

from prokip_shared.bus.bundles import bundles_of, encode, unpack
from prokip_shared.messages import MESSAGE_TYPES, Message
from tests.contract.messages.examples import EXAMPLES

GOLDEN = Path(__file__).parent / "golden"
BY_TYPE = {example.type: example for example in EXAMPLES}


def test_every_message_class_has_an_example_and_a_golden_file_and_no_file_is_left_over() -> None:
    assert set(BY_TYPE) == set(MESSAGE_TYPES)
    assert {file.stem for file in GOLDEN.glob("*.json")} == set(MESSAGE_TYPES)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.type)
def test_a_message_is_written_as_its_golden_file_says(example: Message) -> None:
    golden = json.loads((GOLDEN / f"{example.type}.json").read_text(encoding="utf-8"))
    assert json.loads(encode(example)) == golden


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.type)
def test_a_golden_file_is_read_as_its_message(example: Message) -> None:
    golden = (GOLDEN / f"{example.type}.json").read_bytes()
    assert MESSAGE_TYPES[example.type].model_validate_json(golden) == example


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.type)
def test_a_reader_is_deaf_to_fields_that_a_newer_sender_adds(example: Message) -> None:
    golden = json.loads((GOLDEN / f"{example.type}.json").read_text(encoding="utf-8"))
    assert MESSAGE_TYPES[example.type].model_validate(golden | {"added_later": {"deep": [1]}}) == example


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.type)
def test_a_bundle_gives_back_the_messages_it_was_made_of(example: Message) -> None:
    [bundle] = bundles_of([example, example], messages_max=10, bytes_max=1_000_000)
    unpacked = unpack(bundle, type(example))
    assert [element.message for element in unpacked.elements] == [example, example]
    assert unpacked.rejects == ()
