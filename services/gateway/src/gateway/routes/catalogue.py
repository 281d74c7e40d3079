"""Catalogues of stores and what matches what: rows of the table."""

from typing import Final

from gateway.handlers import (
    catalogue,
)
from gateway.models.base import Message, Page
from gateway.models.catalogue import Catalogue, CatalogueItem, CatalogueQuery, LinkListing
from gateway.routes.shared import AWAY, ID, V1
from gateway.routing import Docs, route, route_given

STORE: Final = f"{V1}/connections/{ID}/catalogue"
LISTING: Final = f"{V1}/listings/{ID}"

CATALOGUE_ROUTES: Final = (
    route(
        "GET",
        STORE,
        catalogue.show_catalogue,
        answer=Catalogue,
        docs=Docs("catalogue", "How a store's catalogue is read, and what matches what, counted", (404, *AWAY)),
    ),
    route_given(
        "GET",
        f"{STORE}/items",
        CatalogueQuery,
        catalogue.list_catalogue,
        answer=Page[CatalogueItem],
        docs=Docs("catalogue", "Why each item or SKU is, or is not, written to", (404, *AWAY)),
    ),
    route(
        "POST",
        f"{STORE}/read",
        catalogue.read_catalogue,
        answer=Message,
        docs=Docs("catalogue", "Read a store's catalogue now", (404, *AWAY)),
        status=202,
    ),
    route_given(
        "POST",
        f"{LISTING}/link",
        LinkListing,
        catalogue.link_listing,
        answer=Message,
        docs=Docs("catalogue", "This item sells the stock of another SKU than its own", (404, 409, *AWAY)),
    ),
    route(
        "POST",
        f"{LISTING}/ignore",
        catalogue.ignore_listing,
        answer=Message,
        docs=Docs("catalogue", "Leave an item alone", (404, *AWAY)),
    ),
    route(
        "POST",
        f"{LISTING}/reset",
        catalogue.reset_listing,
        answer=Message,
        docs=Docs("catalogue", "Match an item by its own SKU again", (404, *AWAY)),
    ),
)
