"""Bundles: SKUs that are made of others."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from gateway.callers import CALLER
from gateway.domain.operations import explain_bundle
from gateway.keys import UPSTREAM
from gateway.models.base import Page
from gateway.models.rules import Bundle, BundleShown, BundlesQuery


async def list_bundles(request: web.Request, given: BundlesQuery) -> Page[BundleShown]:
    query = {"sku": given.sku, "limit": given.limit, "after": given.cursor}
    told = await request.app[UPSTREAM].inventory.get(request[CALLER].business_id, "/internal/bundles", query)
    return Page[BundleShown](items=[_bundle_of(row) for row in told["items"]], next=told["next"])


async def change_bundle(request: web.Request, given: Bundle) -> BundleShown:
    caller = request[CALLER]
    body = {**given.model_dump(mode="json"), "changed_by": caller.username}
    return _bundle_of(await request.app[UPSTREAM].inventory.post(caller.business_id, "/internal/bundles", body))


def _bundle_of(row: Mapping[str, Any]) -> BundleShown:
    return BundleShown.model_validate({**row, "sentence": explain_bundle(row)})
