from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from gateway.domain.live import Shown, connections_named_in, describe
from prokip_shared.messages import (
    BundleChangedV1,
    BundlePart,
    ConnectionChangedV1,
    ListingPushedV1,
    PushedListing,
    StockOversoldV1,
    SyncCompletedV1,
    SyncedConnection,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROUND = UUID(int=7)
NAMES = {1: "Corner Shop", 2: "Web Shop"}


def pushed(*outcomes: str) -> ListingPushedV1:
    listings = [
        PushedListing.model_validate(
            {
                "listing_id": number,
                "sku": f"S{number}",
                "target": "5",
                "revision": 1,
                "outcome": outcome,
                "expected": None,
                "detail": "HTTP 400" if outcome == "refused" else "",
                "correlation_id": "c",
            }
        )
        for number, outcome in enumerate(outcomes)
    ]
    return ListingPushedV1(business_id=1, connection_id=1, pushed_at=NOW, listings=tuple(listings))


def completed(state: str, *stores: tuple[int, str]) -> SyncCompletedV1:
    return SyncCompletedV1.model_validate(
        {
            "business_id": 1,
            "round_id": ROUND,
            "state": state,
            "detail": "Prokip is away.",
            "connections": [
                SyncedConnection.model_validate({"connection_id": i, "state": s, "listings": 1, "detail": ""})
                for i, s in stores
            ],
        }
    )


def bundle(*parts: tuple[str, str]) -> BundleChangedV1:
    named = tuple(BundlePart(sku=sku, quantity=Decimal(quantity)) for sku, quantity in parts)
    return BundleChangedV1(business_id=1, sku="BOX", version=1, parts=named)


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (bundle(("CUP", "2"), ("POT", "0.5")), "BOX is a bundle of 2 of CUP, 0.5 of POT"),
        (
            bundle(*[(f"P{number}", "1") for number in range(5)]),
            "BOX is a bundle of 1 of P0, 1 of P1, 1 of P2 and 2 more",
        ),
        (bundle(), "BOX is no bundle any more"),
        (StockOversoldV1(business_id=1, location_id="L", sku="A", available=Decimal(-2)), "A is oversold: -2"),
        (pushed("written"), "Corner Shop shows S0 = 5"),
        (pushed(*["already"] * 5), "Corner Shop shows S0 = 5, S1 = 5, S2 = 5 and 2 more"),
        (pushed("refused"), "Corner Shop did not take S0 = 5: HTTP 400"),
        (pushed("written", "refused"), "Corner Shop shows S0 = 5, S1 = 5; 1 not taken: HTTP 400"),
        (completed("completed", (1, "confirmed")), "The sync is done"),
        (completed("completed", (1, "confirmed"), (2, "failing")), "The sync is done, but not at Web Shop"),
        (completed("failed"), "The sync failed: Prokip is away."),
        (ConnectionChangedV1(business_id=1, connection_id=None, change="prokip_configured"), "Prokip was set up"),
        (ConnectionChangedV1(business_id=1, connection_id=9, change="paused"), "Store 9 was paused"),
    ],
)
def test_a_message_is_told_in_one_sentence(message: Shown, sentence: str) -> None:
    assert describe(message, NAMES, now=NOW).sentence == sentence


def test_an_event_holds_the_whole_message_and_nothing_of_its_envelope() -> None:
    told = describe(pushed("written"), NAMES, now=NOW)
    assert told.kind == "listing.pushed"
    assert told.sku == "S0"
    assert told.data["listings"][0]["revision"] == 1
    assert not {"message_id", "business_id", "type"} & told.data.keys()
    assert describe(pushed("written", "written"), NAMES, now=NOW).sku is None


def test_every_store_of_a_batch_is_named_once() -> None:
    assert connections_named_in([pushed("written"), completed("completed", (2, "failing")), pushed("written")]) == [
        1,
        2,
    ]


def test_quantities_of_an_event_stay_decimal_strings() -> None:
    (listing,) = describe(pushed("written"), NAMES, now=NOW).data["listings"]
    assert Decimal(listing["target"]) == 5
