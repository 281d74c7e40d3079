"""Webhooks that a store switched off or removed are made anew."""

from typing import Any

from pydantic import SecretStr

from prokip_sandbox import Fault
from prokip_shared.platforms import shopify_wire, woocommerce_wire
from prokip_shared.platforms.webhook_addresses import webhook_url
from tests.integration.push.test_pushing import shopify_with, woo_with
from tests.integration.push.world import HOOKS, PushWorld, open_world, woo_credentials
from tests.support.eventually import eventually


async def check(world: PushWorld, connection: int) -> dict[str, Any]:
    _, body = await world.ask("/internal/connections")
    found: dict[str, Any] = next(one for one in body["items"] if one["connection_id"] == connection)
    return found


async def restored(world: PushWorld, connection: int, topics: set[str]) -> None:
    async def told() -> bool:
        return set((await check(world, connection))["webhooks_restored"]) == topics

    await eventually(told, what=f"{topics} restored")


async def test_woocommerce_webhooks_are_made_anew_when_one_is_disabled_missing_or_doubled(database_url: str) -> None:
    woo = woo_with(1)
    async with woo.serve(), open_world(database_url, SUBSCRIPTION_INTERVAL_S="1") as world:
        connection = await world.connect_woo(woo)
        await restored(world, connection, set(woocommerce_wire.WEBHOOK_TOPICS))  # there were none at all

        def ours() -> list[tuple[str, str, str]]:
            url = webhook_url(HOOKS, "woocommerce")
            hooks = woo.state.webhooks.values()
            return sorted((one.topic, one.status, one.secret) for one in hooks if one.delivery_url == url)

        wanted = sorted((topic, "active", "whsec") for topic in woocommerce_wire.WEBHOOK_TOPICS)
        assert ours() == wanted
        next(one for one in woo.state.webhooks.values() if one.topic == "order.updated").status = "disabled"
        await restored(world, connection, {"order.updated"})
        assert ours() == wanted
        state = await check(world, connection)
        assert state["webhooks_error"] is None


async def test_woocommerce_webhooks_are_made_anew_when_the_secret_rotates(database_url: str) -> None:
    woo = woo_with(1)
    async with woo.serve(), open_world(database_url) as world:
        connection = await world.connect_woo(woo)  # the next look by itself is a quarter of an hour away
        await world.tell_change(connection, "updated")
        await restored(world, connection, set(woocommerce_wire.WEBHOOK_TOPICS))
        old = set(woo.state.webhooks)
        rotated = woo_credentials(woo).model_copy(update={"webhook_secret": SecretStr("rotated")})
        await world.replace_credentials(connection, woo.url, rotated)
        await world.tell_change(connection, "updated")

        async def remade() -> bool:
            hooks = woo.state.webhooks
            return not old & set(hooks) and [hook.secret for hook in hooks.values()] == ["rotated"] * len(old)

        await eventually(remade, what="webhooks sign with the new secret")
        assert sorted(hook.topic for hook in woo.state.webhooks.values()) == sorted(woocommerce_wire.WEBHOOK_TOPICS)


async def test_a_shopify_subscription_that_was_removed_comes_back_and_the_others_stay(database_url: str) -> None:
    shopify = shopify_with(1)
    async with shopify.serve(), open_world(database_url, shopify, SUBSCRIPTION_INTERVAL_S="1") as world:
        connection = await world.connect_shop(shopify)
        await restored(world, connection, set(shopify_wire.WEBHOOKS))
        subscriptions = shopify.shop().state.subscriptions
        before = set(subscriptions)
        removed = next(key for key, one in subscriptions.items() if one.topic == "ORDERS_UPDATED")
        del subscriptions[removed]
        await restored(world, connection, {"ORDERS_UPDATED"})
        assert before - {removed} < set(subscriptions)
        assert len(subscriptions) == len(before)


async def test_a_store_that_does_not_answer_is_asked_again(database_url: str) -> None:
    woo = woo_with(1)
    async with woo.serve(), open_world(database_url, SUBSCRIPTION_INTERVAL_S="1") as world:
        woo.faults.add(Fault("status", path="/webhooks", times=1, status=500))
        connection = await world.connect_woo(woo)
        await restored(world, connection, set(woocommerce_wire.WEBHOOK_TOPICS))
