"""From nothing to moving stock, as somebody who has never seen the product."""

from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, expect

from prokip_sandbox.woocommerce.approval import MANAGER
from prokip_sandbox.world import World, WorldSpec
from tests.browser.person import at_dashboard, units_of
from tests.support.market import open_market

pytestmark = pytest.mark.browser

SMALL = WorldSpec(woocommerce_stores=1, shopify_shops=1, goods=3, simple_only=True)
TWO_PLACES = WorldSpec(
    woocommerce_stores=0, shopify_shops=1, goods=3, simple_only=True, shopify_locations=("Main", "Back")
)
IN_A_FOLDER = WorldSpec(woocommerce_stores=1, shopify_shops=0, goods=2, simple_only=True, woocommerce_folder="/shop")
NEW_USER = {"Business": "Ada's shops", "User name": "ada", "Password": "a horse of a different colour"}


def login_of(world: World) -> dict[str, str]:
    login = world.prokip.login
    return {
        "Client id": login.client_id,
        "Client secret": login.client_secret,
        "Login name": login.username,
        "Password": login.password,
    }


async def test_a_newcomer_signs_up_sets_up_prokip_connects_a_store_and_sees_stock_move(
    chromium: Browser, database_url: str
) -> None:
    async with (
        open_market(database_url, "postgres", SMALL, connect=False) as market,
        at_dashboard(chromium, market.house.url("gateway")) as person,
    ):
        world = market.world
        sku = world.skus[0]
        woo = world.connections()["woocommerce"][0]

        await person.open("/")
        await person.sees_heading("Sign in")
        await person.follow("Create one")
        await person.fill(NEW_USER)
        await person.press("Create the account")
        await person.sees_heading("Overview")
        await person.sees("First steps")

        await person.follow("Set up Prokip")
        await person.fill({"Address of the API": world.prokip.url} | login_of(world))
        await person.press("Check and save")
        await expect(person.page.get_by_label("Business location")).to_have_value("101")
        await expect(person.page.get_by_label("Customer")).to_have_value(str(world.prokip.walk_in_id))
        await person.press("Check and save")
        await person.sees_heading("Overview")

        await person.page.get_by_role("link", name="Connect a store").click()
        await person.sees_heading("Connect a store")
        await person.page.get_by_role("link", name="WooCommerce").click()
        await person.follow("Use API keys instead")
        await person.fill(
            {
                "Address of the shop": woo["storeUrl"],
                "Consumer key": woo["consumerKey"],
                "Consumer secret": woo["consumerSecret"],
            }
        )
        await person.press("Connect")
        await person.sees_heading("Stores")
        await person.sees("healthy")
        await person.press("Sync all stores")
        await person.sees("in step.")

        world.woocommerce[0].buy({sku: 2})
        await person.open("/dashboard/")
        await person.sees(units_of(2, sku))
        await expect(person.page.get_by_text("First steps")).to_have_count(0)
        await person.open(f"/dashboard/stock?search={sku}")
        await expect(person.row(sku).get_by_role("cell").first).to_have_text("98")


async def test_prokips_settings_are_told_right_or_wrong_where_they_are_typed(
    chromium: Browser, database_url: str
) -> None:
    refused = frozenset({(422, "/api/v1/prokip"), (422, "/api/v1/prokip/choices")})
    async with (
        open_market(database_url, "postgres", SMALL, connect=False) as market,
        at_dashboard(chromium, market.house.url("gateway"), refused=refused) as person,
    ):
        prokip = market.world.prokip
        prokip.erp.allow_overselling = False
        await person.sign_in()
        await person.open("/dashboard/prokip")
        await person.fill({"Address of the API": prokip.url} | login_of(market.world) | {"Password": "wrong"})
        await person.press("Choose from a list")
        await person.sees("login name or the password")
        await person.fill({"Password": prokip.login.password, "Business location": "LOC001"})
        await person.press("Check and save")
        await person.sees("Use 101")
        await person.press("Choose from a list")
        await expect(person.page.get_by_label("Business location").locator("option")).to_have_text(
            ["Shop LOC001 (LOC001)"]
        )
        await person.press("Check and save")
        await person.sees("overselling) is switched off")
        await expect(person.page.get_by_label("Business location")).to_have_value("101")
        await expect(person.page.get_by_label("Password")).to_have_value("")
        await person.fill({"Login name": "somebody else"})
        await person.press("Save")
        await person.sees("Needed, also for a new address or login.")


async def test_a_simple_prokip_wants_a_token(chromium: Browser, database_url: str) -> None:
    async with (
        open_market(database_url, "postgres", SMALL, connect=False) as market,
        at_dashboard(chromium, market.house.url("gateway")) as person,
    ):
        prokip = market.world.prokip
        await person.sign_in()
        await person.open("/dashboard/prokip")
        await person.page.get_by_label("A simple API, with a token").check()
        await person.fill({"Address of the API": prokip.url, "Business location": "LOC001", "API token": prokip.token})
        await person.press("Check and save")
        await person.sees_heading("Overview")


async def test_what_a_store_answers_is_told_in_the_form_that_keeps_what_was_typed(
    chromium: Browser, database_url: str
) -> None:
    refused = frozenset({(422, "/api/v1/connections/woocommerce")})
    async with (
        open_market(database_url, "postgres", SMALL, connect=False) as market,
        at_dashboard(chromium, market.house.url("gateway"), refused=refused) as person,
    ):
        await person.sign_in()
        await person.open("/dashboard/stores/connect/woocommerce?keys")
        await person.sees("Prokip is not set up yet")
        await person.press("Connect")
        await expect(person.page.get_by_text("Please fill this in.")).to_have_count(3)
        url = market.world.woocommerce[0].url
        await person.fill({"Address of the shop": url, "Consumer key": "ck_wrong", "Consumer secret": "cs_wrong"})
        await person.fill({"Prokip location": "LOC001"})
        await person.press("Connect")
        error = person.page.locator(".form-error")
        await expect(error).not_to_be_empty()
        await expect(person.page.get_by_label("Consumer key")).to_have_value("ck_wrong")


async def test_a_wrong_password_is_told_where_it_was_typed(chromium: Browser, database_url: str) -> None:
    refused = frozenset({(401, "/auth/login")})
    async with (
        open_market(database_url, "postgres", SMALL, connect=False) as market,
        at_dashboard(chromium, market.house.url("gateway"), refused=refused) as person,
    ):
        await person.open("/dashboard/stock?search=shirt")
        await person.sees_heading("Sign in")
        await person.fill({"User name": "operator", "Password": "not the right one"})
        await person.press("Sign in")
        await expect(person.page.locator(".form-error")).not_to_be_empty()
        await person.fill({"Password": "correct horse battery"})
        await person.press("Sign in")
        await person.sees_heading("Stock")
        assert person.path() == "/dashboard/stock?search=shirt"


async def test_a_shop_with_several_locations_asks_which_one(chromium: Browser, database_url: str) -> None:
    refused = frozenset({(409, "/api/v1/connections/shopify")})
    async with (
        open_market(database_url, "postgres", TWO_PLACES, connect=False) as market,
        at_dashboard(chromium, market.house.url("gateway"), refused=refused) as person,
    ):
        shopify = market.world.connections()["shopify"]
        shop = shopify["shops"][0]
        await person.sign_in()
        await person.open("/dashboard/stores/connect/shopify?token")
        await person.fill(
            {
                "Shop": shop["shop"],
                "Access token": shop["accessToken"],
                "API secret key": shopify["apiSecret"],
                "Prokip location": "LOC001",
            }
        )
        await person.press("Connect")
        await person.page.get_by_label("Back", exact=True).check()
        await person.press("Connect")
        await person.sees_heading("Stores")
        await expect(person.page.get_by_role("article")).to_have_count(1)


async def test_the_secret_of_a_custom_store_is_shown_once_with_a_ready_curl_line(
    chromium: Browser, database_url: str
) -> None:
    async with (
        open_market(database_url, "postgres", SMALL, connect=False) as market,
        at_dashboard(chromium, market.house.url("gateway")) as person,
    ):
        await person.sign_in()
        await person.open("/dashboard/stores/connect/custom")
        await person.fill({"Name": "Market stall", "Prokip location": "LOC001"})
        await person.press("Connect")
        await person.sees("Market stall is connected")
        secret = await person.page.locator("#custom-secret").inner_text()
        curl = await person.page.locator("#custom-curl").inner_text()
        assert len(secret) >= 32
        assert "/webhook/" in curl
        await person.follow("I have copied it")
        await expect(person.store("Market stall")).to_be_visible()
        await person.page.reload()
        await person.ready()
        await expect(person.page.get_by_text(secret)).to_have_count(0)


async def test_a_shop_is_connected_on_shopifys_own_page(chromium: Browser, database_url: str) -> None:
    """Away and back, with the choice of a location at the end."""
    async with open_market(database_url, "postgres", TWO_PLACES, connect=False) as market:
        shopify = frozenset({urlsplit(market.world.shopify.url).netloc})
        async with at_dashboard(chromium, market.house.url("gateway"), led_to=shopify) as person:
            shop = market.world.connections()["shopify"]["shops"][0]
            await person.sign_in()
            await person.open("/dashboard/stores/connect/shopify")
            await person.fill({"Shop": shop["shop"], "Prokip location": "LOC001"})
            await person.press("Continue to Shopify")
            await person.page.locator("#install").click()
            await person.sees("let us in")
            await person.page.get_by_label("Back", exact=True).check()
            await person.press("Connect")
            await person.sees_heading("Stores")
            await expect(person.page.get_by_role("article")).to_have_count(1)


async def test_a_store_is_connected_on_its_own_approval_page(chromium: Browser, database_url: str) -> None:
    """Away, denied, away again, logged in already, approved; and the store's sales count from then on."""
    async with open_market(database_url, "postgres", IN_A_FOLDER, connect=False) as market:
        (store,) = market.world.woocommerce
        away = frozenset({urlsplit(store.url).netloc})
        async with at_dashboard(chromium, market.house.url("gateway"), led_to=away) as person:
            await person.sign_in()
            await person.open("/dashboard/stores/connect/woocommerce")
            await person.fill({"Address of the shop": store.home_url, "Prokip location": "LOC001"})
            await person.press("Continue to the store")
            await person.page.get_by_label("Username or email address").fill(MANAGER.name)
            await person.page.get_by_label("Password").fill(MANAGER.password)
            await person.press("Login")
            await person.page.locator("#deny").click()
            await person.sees("Access was not approved in the store.")
            assert store.state.granted_keys == {}

            await person.fill({"Address of the shop": store.home_url, "Prokip location": "LOC001"})
            await person.press("Continue to the store")
            await person.page.locator("#approve").click()
            await person.sees_heading("Stores")
            await expect(person.page.get_by_role("article")).to_have_count(1)
            assert len(store.state.granted_keys) == 1
            assert store.tells_orders
