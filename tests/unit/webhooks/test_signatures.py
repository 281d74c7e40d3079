import pytest

from prokip_shared.platforms.signatures import sign, signature_matches
from tests.unit.webhooks.recorded import WOO_SECRET, Delivery, woo_delivery, woo_steps

ALL_RECORDED = [delivery for step in woo_steps() for delivery in step.deliveries]


def test_every_recorded_woocommerce_delivery_verifies_with_the_stores_secret() -> None:
    assert len(ALL_RECORDED) == 133
    assert all(signature_matches(one.body, one.signature, [WOO_SECRET]) for one in ALL_RECORDED)


def test_a_body_changed_by_one_byte_does_not_verify() -> None:
    delivery = woo_delivery("order.created")
    assert not signature_matches(delivery.body + b" ", delivery.signature, [WOO_SECRET])


def test_during_a_rotation_the_old_secret_and_the_new_one_verify() -> None:
    assert signature_matches(b"{}", sign(b"{}", "old"), ["new", "old"])
    assert signature_matches(b"{}", sign(b"{}", "new"), ["new", "old"])
    assert not signature_matches(b"{}", sign(b"{}", "stolen"), ["new", "old"])


@pytest.mark.parametrize("signature", ["", "=", "é", "\udcff\udc00", "A" * 5000, sign(b"{}", "")])
def test_a_signature_of_any_shape_is_refused_without_an_error(signature: str) -> None:
    assert not signature_matches(b"{}", signature, ["secret"])


def test_an_empty_secret_never_verifies() -> None:
    assert not signature_matches(b"{}", sign(b"{}", ""), [""])


def test_no_secret_verifies_nothing() -> None:
    delivery: Delivery = woo_delivery("order.created")
    assert not signature_matches(delivery.body, delivery.signature, [])
