import pytest

from prokip_shared.platforms.signatures import fingerprint, sign, signing_secret
from tests.unit.webhooks.recorded import WOO_SECRET, Delivery, woo_delivery, woo_steps

ALL_RECORDED = [delivery for step in woo_steps() for delivery in step.deliveries]


def test_every_recorded_woocommerce_delivery_verifies_with_the_stores_secret() -> None:
    assert len(ALL_RECORDED) == 133
    assert all(signing_secret(one.body, one.signature, [WOO_SECRET]) == WOO_SECRET for one in ALL_RECORDED)


def test_a_body_changed_by_one_byte_does_not_verify() -> None:
    delivery = woo_delivery("order.created")
    assert signing_secret(delivery.body + b" ", delivery.signature, [WOO_SECRET]) is None


def test_during_a_rotation_the_old_secret_and_the_new_one_verify() -> None:
    assert signing_secret(b"{}", sign(b"{}", "old"), ["new", "old"]) == "old"
    assert signing_secret(b"{}", sign(b"{}", "new"), ["new", "old"]) == "new"
    assert signing_secret(b"{}", sign(b"{}", "stolen"), ["new", "old"]) is None


@pytest.mark.parametrize("signature", ["", "=", "é", "\udcff\udc00", "A" * 5000, sign(b"{}", "")])
def test_a_signature_of_any_shape_is_refused_without_an_error(signature: str) -> None:
    assert signing_secret(b"{}", signature, ["secret"]) is None


def test_an_empty_secret_never_verifies() -> None:
    assert signing_secret(b"{}", sign(b"{}", ""), [""]) is None


def test_no_secret_verifies_nothing() -> None:
    delivery: Delivery = woo_delivery("order.created")
    assert signing_secret(delivery.body, delivery.signature, []) is None


def test_a_fingerprint_tells_secrets_apart_and_is_short() -> None:
    assert fingerprint("old") == fingerprint("old") != fingerprint("new")
    assert len(fingerprint("new")) == 8
