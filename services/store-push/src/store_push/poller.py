"""The poller, which alone speaks to Prokip: its products, and the SKUs that it tells no quantity for."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from aiohttp import ClientError, ClientSession, ClientTimeout
from pydantic import BaseModel, ValidationError

from prokip_shared.messages import utc_now
from prokip_shared.platforms.errors import Refused, StoreUnavailable, Throttled, retry_after_s
from prokip_shared.security.tokens import InternalTokens
from store_push.domain.product_plans import ProkipProduct

TOKEN_TTL_S: Final = 300.0
LEFT_ALONE_PAGES_MAX: Final = 1_000
LEFT_ALONE_PAGE_ROWS: Final = 200


class ProductsPage(BaseModel):
    products: list[ProkipProduct]
    next: int | None
    total: int | None


class _LeftAlone(BaseModel):
    location_id: str
    sku: str
    reason: str


class _LeftAlonePage(BaseModel):
    left_alone: list[_LeftAlone]
    next: str | None


@dataclass(frozen=True, slots=True)
class Poller:
    """Every call raises StoreUnavailable, Throttled or Refused, as a store would."""

    session: ClientSession
    base_url: str
    tokens: InternalTokens
    timeout_s: float
    """A page of products waits for its turn at Prokip and for Prokip itself."""

    async def products(self, business_id: int, page: int) -> ProductsPage:
        """Names, prices and images, in an order that does not change between pages."""
        body = await self._get(business_id, "/internal/prokip/products", {"page": str(page)})
        try:
            return ProductsPage.model_validate(body)
        except ValidationError as error:
            raise StoreUnavailable("the poller answers something else than products") from error

    async def left_alone(self, business_id: int) -> list[tuple[str, str, str]]:
        """Location, SKU and reason of each."""
        found: dict[tuple[str, str], str] = {}
        after = ""
        for _ in range(LEFT_ALONE_PAGES_MAX):
            query = {"after": after, "limit": str(LEFT_ALONE_PAGE_ROWS)}
            body = await self._get(business_id, "/internal/prokip/left-alone", query)
            try:
                page = _LeftAlonePage.model_validate(body)
            except ValidationError as error:
                raise StoreUnavailable("the poller answers something else than SKUs") from error
            found |= {(one.location_id, one.sku): one.reason for one in page.left_alone}
            if page.next is None:
                break
            after = page.next
        return [(location_id, sku, reason) for (location_id, sku), reason in sorted(found.items())]

    async def _get(self, business_id: int, path: str, query: Mapping[str, str]) -> Any:
        headers = {"Authorization": f"Bearer {self.tokens.mint(business_id, ttl_s=TOKEN_TTL_S)}"}
        try:
            async with self.session.get(
                f"{self.base_url.rstrip('/')}{path}",
                params=query,
                headers=headers,
                timeout=ClientTimeout(total=self.timeout_s),
                allow_redirects=False,
            ) as response:
                body = await response.json(content_type=None)
                wait_s = retry_after_s(response.headers.get("Retry-After"), now=utc_now())
        except (ClientError, OSError, TimeoutError, ValueError) as error:
            raise StoreUnavailable(f"the poller does not answer: {type(error).__name__}") from error
        if response.status == HTTPStatus.OK:
            return body
        detail = str(body.get("detail") or "") if isinstance(body, dict) else ""
        if response.status == HTTPStatus.SERVICE_UNAVAILABLE and wait_s is not None:
            raise Throttled(detail, retry_after_s=wait_s)
        if response.status == HTTPStatus.CONFLICT:
            raise Refused(str(body.get("code") or "refused"), detail)
        raise StoreUnavailable(detail or f"the poller answers {response.status}")
