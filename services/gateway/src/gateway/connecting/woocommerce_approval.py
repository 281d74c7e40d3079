"""To a WooCommerce store's own approval page and back, with the keys that the store posts meanwhile.

The store posts the keys to an address that is good once; they count only when the browser that was sent there comes
back, with a cookie that no other site can set or read. See docs/adr/0018-connecting.md.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode, urlsplit

from gateway.connecting.problems import StoreProblems, wrong_address
from gateway.connecting.stores import StoreOffice, WayOut
from gateway.connecting.ways import WAY_LIVES_S, hash_of, new_secret, refused
from gateway.domain.addresses import AddressProblem, parse_http_address
from gateway.models.connections import ConnectWooCommerce
from gateway.storage.woocommerce_approvals import PostedKeys, WayToStore, WooApprovals
from prokip_shared.logs import Log
from prokip_shared.platforms.woocommerce import find_store
from prokip_shared.web.problems import Problem

CALLBACK_PATH: Final = "/connections/callback/woocommerce"
RETURN_PATH: Final = "/connections/return/woocommerce"
AUTHORIZE_PATH: Final = "/wc-auth/v1/authorize"
APP_NAME: Final = "prokip-sync"
SCOPE: Final = "read_write"
APPROVED: Final = "1"
WORDPRESS_PORTS: Final = frozenset({None, 80, 443, 8080})
"""WordPress posts to no other: wp-includes/http.php, `wp_http_validate_url`."""

log = Log("woocommerce_approval")


@dataclass(frozen=True, slots=True)
class WayToApproval:
    url: str
    browser: str
    """For the cookie of the browser that is sent there."""


class WooApprovalDesk:
    def __init__(self, approvals: WooApprovals, office: StoreOffice, way_out: WayOut, public_url: str) -> None:
        self._approvals = approvals
        self._office = office
        self._way_out = way_out
        self._public_url = public_url.rstrip("/")

    async def begin(self, typed: str, *, user_id: int, business_id: int, location_id: str) -> WayToApproval:
        """Raises Problem for what is no store, and where a store could not post its keys to us."""
        try:
            address = parse_http_address(typed, private_hosts=self._way_out.allowed_private_hosts, what="Store address")
        except AddressProblem as error:
            raise wrong_address(error) from error
        self._check_callback(address.scheme)
        with StoreProblems():
            await find_store(self._way_out.session, address.url, limits=self._way_out.limits)
        state, ticket, browser = new_secret(), new_secret(), new_secret()
        way = WayToStore(
            state_hash=hash_of(state),
            ticket_hash=hash_of(ticket),
            browser_hash=hash_of(browser),
            user_id=user_id,
            business_id=business_id,
            store_url=address.url,
            location_id=location_id,
        )
        await self._approvals.begin(way, lives_s=WAY_LIVES_S)
        asked = {
            "app_name": APP_NAME,
            "scope": SCOPE,
            "user_id": state,
            "return_url": self._public_url + RETURN_PATH,
            "callback_url": f"{self._public_url}{CALLBACK_PATH}/{ticket}",
        }
        return WayToApproval(f"{address.url}{AUTHORIZE_PATH}?{urlencode(asked)}", browser)

    async def take_keys(self, ticket: str, state: str, keys: PostedKeys) -> None:
        """What the store posts, once. Raises Problem for what nobody waits for."""
        business_id = await self._approvals.keep_keys(state_hash=hash_of(state), ticket_hash=hash_of(ticket), keys=keys)
        if business_id is None:
            log.warning("approval.keys_refused")
            raise refused("unknown_state", "Nobody waits for these keys (any more).")
        log.info("approval.keys_received", business_id=business_id)

    async def finish(self, state: str, browser: str, success: str) -> int:
        """The new connection's id. Raises Problem for everything but a yes that was asked for."""
        approval = await self._approvals.take(state_hash=hash_of(state), browser_hash=hash_of(browser))
        if approval is None:
            raise refused(
                "unknown_state", "This way to the store was used already, is too old, or is not yours. Begin again."
            )
        if success != APPROVED:
            raise refused("not_approved", "Access was not approved in the store.")
        if approval.keys is None:
            raise refused("no_keys", "The store has sent no keys.")
        given = ConnectWooCommerce(
            store_url=approval.store_url,
            consumer_key=approval.keys.consumer_key,
            consumer_secret=approval.keys.consumer_secret,
        )
        return await self._office.connect_woocommerce(approval.business_id, given, location_id=approval.location_id)

    def _check_callback(self, store_scheme: str) -> None:
        """Keys travel by https and to WordPress' ports, unless the store itself may be a plain one inside."""
        own = urlsplit(self._public_url)
        if store_scheme == "https" and (own.scheme != "https" or own.port not in WORDPRESS_PORTS):
            raise Problem(
                409,
                "Not set up",
                code="approval_needs_https",
                detail="A store sends its keys by https and to the ports 80, 443 and 8080 only; PUBLIC_URL is not such an"
                " address. Connect the store with API keys: POST /connections/woocommerce.",
            )
