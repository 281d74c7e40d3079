"""The first steps of a merchant, done through the public API: set up Prokip, connect every simulated store."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from prokip_onebox.operator import Operator, OperatorError

Dialect = Literal["connector", "simple"]


async def connect_world(
    operator: Operator, world: Mapping[str, Any], tell: Callable[[str], None], *, dialect: Dialect = "simple"
) -> None:
    """Repeatable: what is set up or connected already stays as it is, in the dialect that it has."""
    settings = prokip_settings(world["prokip"], dialect)
    known = await operator.call("GET", "/api/v1/prokip")
    if not known["configured"] or known["apiUrl"] != settings["apiUrl"]:
        await operator.call("POST", "/setup/prokip", settings)
        tell(f"set up Prokip at {settings['apiUrl']} ({dialect}), location {settings['locationId']}")
    connected = {item["storeUrl"].rstrip("/") for item in (await operator.call("GET", "/api/v1/connections"))["items"]}
    for store in world["woocommerce"]:
        if store["storeUrl"].rstrip("/") not in connected:
            await operator.call("POST", "/connections/woocommerce", store)
            tell(f"connected WooCommerce {store['storeUrl']}")
    shopify = world["shopify"]
    for shop in shopify["shops"]:
        if not any(shop["shop"] in url for url in connected):
            body = {"shop": shop["shop"], "accessToken": shop["accessToken"], "apiSecret": shopify["apiSecret"]}
            await operator.call("POST", "/connections/shopify", body | {"placeId": shop["locationIds"][0]})
            tell(f"connected Shopify {shop['shop']}")


def prokip_settings(prokip: Mapping[str, Any], dialect: Dialect) -> dict[str, Any]:
    """What a merchant with one shop types in."""
    if dialect == "simple":
        return {"token": prokip["token"], "apiUrl": prokip["apiUrl"], "locationId": prokip["locationIds"][0]}
    known = prokip["connector"]
    login = {name: known[name] for name in ("apiUrl", "clientId", "clientSecret", "username", "password")}
    return login | {"dialect": dialect, "locationId": known["locations"][0]["id"]}


async def first_sync(operator: Operator, tell: Callable[[str], None]) -> None:
    """One whole round, so that the dashboard opens on quantities that are true."""
    try:
        await operator.call("POST", "/sync/manual")
    except OperatorError as error:
        tell(f"the first sync did not finish yet: {error}")
