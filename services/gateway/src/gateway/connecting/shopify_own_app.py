"""A shop is let in by an app of the merchant's own: client id and secret instead of a consent page."""

from gateway.connecting.problems import StoreProblems, wrong_address
from gateway.connecting.stores import StoreOffice, WayOut
from gateway.domain.addresses import AddressProblem, parse_shop_domain
from gateway.models.shopify_own_app import ConnectShopifyApp
from prokip_shared.connections import ShopifyCredentials
from prokip_shared.messages import utc_now
from prokip_shared.platforms.shopify_oauth import AppCredentials


class ShopifyOwnApp:
    """Raises Problem whenever the person who asked has to do something about it."""

    def __init__(self, office: StoreOffice, way_out: WayOut) -> None:
        self._office = office
        self._way_out = way_out

    async def connect(self, business_id: int, given: ConnectShopifyApp, *, location_id: str) -> int:
        """The new connection's id. A shop with several locations asks which one, as with a pasted token."""
        try:
            shop = parse_shop_domain(given.shop)
        except AddressProblem as error:
            raise wrong_address(error) from error
        app = AppCredentials(given.client_id, given.client_secret)
        with StoreProblems():
            tokens = await self._way_out.shopify_oauth(shop, app).client_credentials(now=utc_now())
        credentials = ShopifyCredentials(
            access_token=tokens.access_token,
            api_secret=given.client_secret,
            client_id=given.client_id,
            expires_at=tokens.expires_at,
        )
        return await self._office.connect_granted_shop(
            business_id, shop, credentials, place_id=given.place_id, location_id=location_id, choice=given.choice
        )
