"""What SKUs are made of others."""

from aiohttp import web

from gateway.callers import CALLER
from gateway.keys import UPSTREAM
from gateway.models.base import Page
from gateway.models.bundles import BundleGiven, BundleSaid, BundleShown, BundlesQuery


async def list_bundles(request: web.Request, given: BundlesQuery) -> Page[BundleShown]:
    query = {"limit": given.limit, "after": given.cursor}
    told = await request.app[UPSTREAM].inventory.get(request[CALLER].business_id, "/internal/bundles", query)
    return Page[BundleShown](items=[BundleShown.model_validate(row) for row in told["items"]], next=told["next"])


async def put_bundle(request: web.Request, given: BundleGiven) -> BundleSaid:
    caller = request[CALLER]
    body = {**given.model_dump(mode="json"), "changed_by": caller.username}
    await request.app[UPSTREAM].inventory.post(caller.business_id, "/internal/bundles", body)
    return BundleSaid(message="It is sold as its parts and shown as the least of them", sku=given.sku)


async def dissolve_bundle(request: web.Request) -> BundleSaid:
    caller, sku = request[CALLER], request.match_info["sku"]
    body = {"sku": sku, "changed_by": caller.username}
    await request.app[UPSTREAM].inventory.post(caller.business_id, "/internal/bundles/dissolve", body)
    return BundleSaid(message="It is no bundle any more, and nothing is written to it", sku=sku)
