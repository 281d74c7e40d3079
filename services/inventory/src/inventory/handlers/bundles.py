"""The internal API of bundles: what a SKU is made of, as operators say it."""

from decimal import Decimal
from typing import Annotated, Final

from aiohttp import web
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from inventory import reading
from inventory.bundles import Bundles, Refused
from inventory.domain.bundles import PARTS_MAX, QUANTITY_DECIMALS_MAX, QUANTITY_MAX
from inventory.handlers.api import PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX, POOL, answer
from prokip_shared.messages import Sku
from prokip_shared.web.internal import BUSINESS
from prokip_shared.web.problems import Problem, read_json, validate

BUNDLES: Final = web.AppKey("bundles", Bundles)


def _without_nul(text: str) -> str:
    """Postgres stores no NUL in a text: https://www.postgresql.org/docs/current/datatype-character.html"""
    if "\x00" in text:
        raise ValueError("a text has no NUL character")
    return text


SkuGiven = Annotated[Sku, AfterValidator(_without_nul)]


class PageQuery(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    after: Annotated[str, Field(max_length=255), AfterValidator(_without_nul)] = ""
    limit: Annotated[int, Field(ge=1, le=PAGE_ROWS_MAX)] = PAGE_ROWS_DEFAULT


class PartBody(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    sku: SkuGiven
    quantity: Annotated[Decimal, Field(gt=0, le=QUANTITY_MAX, decimal_places=QUANTITY_DECIMALS_MAX)]


class BundleBody(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    sku: SkuGiven
    parts: Annotated[list[PartBody], Field(max_length=PARTS_MAX)]
    changed_by: str

    @field_validator("parts")
    @classmethod
    def _once(cls, parts: list[PartBody]) -> list[PartBody]:
        if len({part.sku for part in parts}) < len(parts):
            raise ValueError("a part is named twice")
        return parts


class DissolveBody(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    sku: SkuGiven
    changed_by: str


def routes() -> list[web.RouteDef]:
    return [
        web.get("/internal/bundles", list_bundles),
        web.post("/internal/bundles", put_bundle),
        web.post("/internal/bundles/dissolve", dissolve_bundle),
    ]


async def list_bundles(request: web.Request) -> web.Response:
    """`next` is the `after` of the next page."""
    query = validate(PageQuery, dict(request.query))
    items = await reading.list_bundles(request.app[POOL], request[BUSINESS], query.after, query.limit + 1)
    shown = items[: query.limit]
    return answer({"items": shown, "next": shown[-1]["sku"] if len(items) > query.limit else None})


async def put_bundle(request: web.Request) -> web.Response:
    body = await read_json(request, BundleBody)
    parts = {part.sku: part.quantity for part in body.parts}
    try:
        await request.app[BUNDLES].put(request[BUSINESS], body.sku, parts, body.changed_by)
    except Refused as error:
        refusal = error.refusal
        raise Problem(409, "Conflict", code=refusal.code, detail=refusal.words) from error
    return answer({})


async def dissolve_bundle(request: web.Request) -> web.Response:
    body = await read_json(request, DissolveBody)
    if not await request.app[BUNDLES].dissolve(request[BUSINESS], body.sku, body.changed_by):
        raise Problem(404, "Not found", code="bundle_not_found", detail="This SKU is no bundle.")
    return answer({})
