"""What a store is to show by the rules, over any numbers."""

from dataclasses import replace
from decimal import ROUND_FLOOR, Decimal

from hypothesis import given
from hypothesis import strategies as st

from store_push.domain.decisions import Drift, PlannedWrite, Settled, decide, plan_without_reading
from store_push.domain.listings import QUANTITY_MAX, Gap
from store_push.domain.rules import SkuRule, StoreRule, begins_anew, shown_of
from tests.unit.push.test_decisions import LISTING, NOW, PATIENCE, SHOPIFY, own

UNITS = st.decimals(-(10**6), 10**6, places=3, allow_nan=False)
BUFFERS = st.decimals(0, 10**4, places=2, allow_nan=False)
MAXIMA = st.none() | st.integers(0, 10**4)
STORE_RULES = st.builds(StoreRule, BUFFERS, MAXIMA)
SKU_RULES = st.builds(SkuRule, st.none() | BUFFERS, MAXIMA, st.sampled_from(["on", "paused", "never"]))


@given(UNITS, STORE_RULES, SKU_RULES)
def test_a_store_never_shows_what_is_kept_back_or_more_than_it_may(
    available: Decimal, store: StoreRule, sku: SkuRule
) -> None:
    shown = shown_of(available, store, sku)
    if sku.push != "on":
        assert shown is None
        return
    assert shown is not None
    buffer = store.buffer if sku.buffer is None else sku.buffer
    shown_max = store.shown_max if sku.shown_max is None else sku.shown_max
    assert 0 <= shown <= (QUANTITY_MAX if shown_max is None else shown_max)
    assert shown == 0 or shown <= available - buffer
    whole = (available - buffer).to_integral_value(rounding=ROUND_FLOOR)
    assert shown in {0, whole, shown_max}


@given(UNITS, UNITS, STORE_RULES, SKU_RULES)
def test_more_stock_never_shows_less(one: Decimal, other: Decimal, store: StoreRule, sku: SkuRule) -> None:
    low, high = sorted([one, other])
    fewer, more = shown_of(low, store, sku), shown_of(high, store, sku)
    assert fewer is more is None or (fewer is not None and more is not None and fewer <= more)


def test_what_prokip_does_not_tell_is_not_shown_whatever_the_rules() -> None:
    assert shown_of(None, StoreRule(Decimal(3), 5), SkuRule()) is None


def test_only_what_was_never_written_begins_anew() -> None:
    never, paused, on = SkuRule(push="never"), SkuRule(push="paused"), SkuRule()
    assert begins_anew(never, on)
    assert begins_anew(never, paused)
    assert not begins_anew(paused, on)
    assert not begins_anew(on, never)
    assert on.says_nothing
    assert not paused.says_nothing


def test_who_is_to_be_asked_finds_nothing_written() -> None:
    listing = replace(LISTING, target=90, gap=Gap(-5, LISTING.target_taken, NOW.replace(year=NOW.year - 1)))
    overwritten = decide(listing, own(95), SHOPIFY, PATIENCE, NOW, None)
    assert isinstance(overwritten, PlannedWrite)
    assert overwritten.drift is not None
    asked = decide(listing, own(95), SHOPIFY, PATIENCE, NOW, None, asks=True)
    assert isinstance(asked, Settled)
    assert asked.held
    assert asked.question == overwritten.drift == Drift(100, 95, overwritten.drift.cause)
    assert asked.look_at is None


def test_what_is_held_is_read_when_it_is_due_and_not_written() -> None:
    held = replace(LISTING, target=90, held=True)
    plan = plan_without_reading([held], SHOPIFY, PATIENCE, NOW)
    assert (plan.reads, plan.writes) == ([held], [])
    still = decide(held, own(97), SHOPIFY, PATIENCE, NOW, None, asks=True)
    assert isinstance(still, Settled)
    assert (still.held, still.question) == (True, None)


def test_a_held_difference_that_goes_away_is_written_again() -> None:
    held = replace(LISTING, target=90, held=True)
    explained = decide(held, own(100), SHOPIFY, PATIENCE, NOW, None, asks=True)
    assert isinstance(explained, PlannedWrite)
    assert explained.quantity == 90
    itself = decide(held, own(90), SHOPIFY, PATIENCE, NOW, None, asks=True)
    assert isinstance(itself, Settled)
    assert not itself.held
