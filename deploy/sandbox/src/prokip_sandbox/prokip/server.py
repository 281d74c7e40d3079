"""The simulated Prokip: both dialects over HTTP on one stock, its typed face for tests, and its control API."""

import dataclasses
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web
from typing_extensions import override

from prokip_sandbox.catalogue import Good
from prokip_sandbox.prokip.catalogue import Catalogue, NewVariation
from prokip_sandbox.prokip.connector import Connector
from prokip_sandbox.prokip.fixed import as_number, to_fixed
from prokip_sandbox.prokip.ledger import Ledger, Mismatch, NewLine, NewSale
from prokip_sandbox.prokip.model import (
    BUSINESS_ID,
    Contact,
    Location,
    Product,
    ProductType,
    State,
    Transaction,
    Variation,
)
from prokip_sandbox.prokip.reads import Reads
from prokip_sandbox.prokip.rows import Rows
from prokip_sandbox.prokip.sells import Sells
from prokip_sandbox.prokip.settings import Erp, Policies
from prokip_sandbox.prokip.simple import Simple
from prokip_sandbox.prokip.throttle import Throttle
from prokip_sandbox.prokip.tokens import Tokens, made_up_login
from prokip_sandbox.server import CONTROL_PREFIX, SandboxServer, from_fields
from prokip_sandbox.values import ApiError, Clock, OutOfStock, made_up_key

WALK_IN_ID = 31
CONTACTS = (
    Contact(1, BUSINESS_ID - 3, "customer", "Walk-In Customer", "CO0001", is_default=True),  # another business's
    Contact(WALK_IN_ID, BUSINESS_ID, "customer", "Walk-In Customer", "CO0001", is_default=True),
    Contact(32, BUSINESS_ID, "supplier", "Sandbox Supplies", "CO0002"),
    Contact(33, BUSINESS_ID, "customer", "Sandbox Regular", "CO0003"),
)


@dataclass
class Item:
    sku: str
    quantity: float


@dataclass
class Sale:
    """One recorded sale; `returned` counts what was brought back, by SKU. `source` tells who sold.

    `reference` is what the seller called it: the connector's `invoice_no`. `sell_id` is the number as text when the
    connector recorded it.
    """

    sell_id: str
    location_id: str
    items: list[Item]
    reference: str | None
    source: Literal["api", "counter"]
    at_s: float
    returned: dict[str, float] = field(default_factory=dict)


class ProkipServer(SandboxServer):
    """One Prokip business with the given locations (their codes), empty until `seed_goods` or `add_product`."""

    title = "Prokip"

    def __init__(
        self,
        name: str = "prokip",
        *,
        locations: Iterable[str] = ("LOC001",),
        policies: Policies | None = None,
        erp: Erp | None = None,
        seed: int = 0,
        clock: Clock = time.time,
    ) -> None:
        super().__init__(seed=seed)
        self.name = name
        self.token = made_up_key("", f"{name} token")
        self.login = made_up_login(name)
        self.erp = erp or Erp()
        places = [Location(101 + n, code, f"Shop {code}") for n, code in enumerate(locations)]
        self.state = State(places, list(CONTACTS), stock={place.id: {} for place in places})
        self.catalogue = Catalogue(self.state, clock)
        self.ledger = Ledger(self.state, self.catalogue, clock, self.erp, policies or Policies())
        self.tokens = Tokens(name, self.login, self.state, clock, self.erp)
        self._rows = Rows(self.ledger)
        self._sells = Sells(self.state, self.ledger, self._rows)
        self._simple = Simple(self.state, self.catalogue, self.ledger, self.token)
        reads = Reads(self.state, self.catalogue, self.ledger, self._rows, self.rng)
        self._connector = Connector(self.tokens, Throttle(clock), reads, self._sells)

    @property
    def location_ids(self) -> list[str]:
        """The codes, as the simple dialect uses them."""
        return [location.code for location in self.state.locations]

    @property
    def location_numbers(self) -> dict[str, int]:
        """By code: the numbers that the connector uses."""
        return {location.code: location.id for location in self.state.locations}

    @property
    def walk_in_id(self) -> int:
        """The number of the customer who stands for anybody."""
        return WALK_IN_ID

    @property
    def sales(self) -> list[Sale]:
        """Every recorded sale, the counter's too, drafts not."""
        made = self.state.transactions.values()
        return [self._view(one) for one in made if one.type == "sell" and one.status == "final"]

    def seed_goods(self, goods: Iterable[Good], location_id: str | None = None) -> None:
        """Hold these goods at one location, or at all."""
        self.catalogue.seed(goods, [self._number(location_id)] if location_id else [*self.location_numbers.values()])

    def add_product(
        self,
        *stock: tuple[str, Mapping[str, float] | float | None],
        sku: str | None = None,
        name: str = "",
        price: float = 100,
        kind: ProductType | None = None,
        enable_stock: bool = True,
        is_inactive: bool = False,
        not_for_selling: bool = False,
    ) -> Product:
        """A product of pairs (SKU, stock): by location code, one figure for all locations, or None for no stock row."""
        new = [NewVariation(one, self._quantities(held), name=one, price=to_fixed(price)) for one, held in stock]
        return self.catalogue.add(
            new,
            sku=sku,
            name=name,
            kind=kind or ("single" if len(new) == 1 else "variable"),
            enable_stock=enable_stock,
            is_inactive=is_inactive,
            not_for_selling=not_for_selling,
        )

    def add_awkward_goods(self) -> None:
        """What real catalogues hold: look-alike SKUs, no stock row, untracked, inactive, fractions, below nothing."""
        for sku, held in (
            ("AB1", 11),
            ("AB10", 110),
            ("ab1", 7),
            ("AB1 ", 3),
            ("NO-ROW", None),
            ("HALF", 2.5),
            ("NEG", -4),
        ):
            self.add_product((sku, held))
        self.add_product(("UNTRACKED", None), enable_stock=False)
        self.add_product(("INACTIVE", 6), is_inactive=True)
        self.add_product(("NOT-SOLD", 9), not_for_selling=True)
        self.add_product(("SHIRT-S", 4), ("SHIRT-M", 5), ("SHIRT-L", 0), sku="SHIRT", name="Shirt")

    def variation(self, sku: str) -> Variation:
        """KeyError for an unknown SKU."""
        found = self.catalogue.find(sku)
        if found is None:
            raise KeyError(sku)
        return found

    def stock(self, sku: str, location_id: str | None = None) -> float:
        """KeyError for an unknown SKU, and for one without a stock row there. Without a location: the first one."""
        return as_number(self.state.stock[self._number(location_id)][self.variation(sku).id].quantity)

    def held(self, location_id: str | None = None) -> dict[str, float]:
        """All tracked quantities of a location, by SKU; what has no stock row there is not in it."""
        return self._simple.tracked(self._place(location_id))

    def set_stock(self, sku: str, quantity: float, location_id: str | None = None) -> None:
        """A delivery, a stock take: anything that changes a quantity without a sale. Purchases cover it afterwards."""
        known = self.catalogue.find(sku) or self.catalogue.variations_of(self.add_product((sku, None)).id)[0]
        self.catalogue.fill(self._number(location_id), known.id, to_fixed(quantity))

    def set_layers(self, sku: str, quantity: float, location_id: str | None = None) -> None:
        """How much purchases still cover, whatever the quantity says: what a business forgot to enter."""
        self.catalogue.row(self._number(location_id), self.variation(sku).id).layers = to_fixed(quantity)

    def layers(self, sku: str, location_id: str | None = None) -> float:
        return as_number(self.state.stock[self._number(location_id)][self.variation(sku).id].layers)

    def remove(self, sku: str, location_id: str | None = None) -> None:
        """Prokip no longer lists this SKU there: the simple dialect not at all, the connector without a stock row."""
        self.catalogue.remove_row(self._number(location_id), self.variation(sku).id)

    def delete_variation(self, sku: str) -> None:
        """Nobody is shown it any more."""
        self.catalogue.delete(self.variation(sku))

    def close_location(self, location_id: str) -> None:
        """The connector no longer shows it; what is told about it by number still counts, as in the ERP."""
        closed = self._place(location_id)
        self.state.locations = [one._replace(is_active=False) if one == closed else one for one in self.state.locations]

    def counter_sale(self, items: Mapping[str, float], location_id: str | None = None) -> Sale:
        """A sale over the shop's counter; OutOfStock when purchases do not cover it and overselling is off."""
        number = self._number(location_id)
        lines = [NewLine(one, to_fixed(items[one.sku]), one.price) for one in map(self.variation, items)]
        try:
            return self._view(self.ledger.record(NewSale(number, WALK_IN_ID, lines, "counter")))
        except Mismatch as refusal:
            raise OutOfStock(refusal.message) from refusal

    def recorded(self, sku: str) -> float:
        """Units of a SKU that the API was told were sold, less those brought back."""
        told = sum(
            line.quantity - line.returned
            for one in self.state.transactions.values()
            if one.type == "sell" and one.status == "final" and one.origin != "counter"
            for line in one.lines
            if self.state.variations[line.variation_id].sku == sku
        )
        return as_number(told)

    def revoke_tokens(self) -> None:
        """Log the user out everywhere: the connector's access and refresh tokens end."""
        self.tokens.revoke_all()

    def expire_tokens(self) -> None:
        """The connector's access tokens end; refresh tokens still work."""
        self.tokens.expire_access()

    def interleave_returns(self, act: Callable[[], object] | None) -> None:
        """Do this whenever a return has read the stock and not yet written it: what it does to the stock is lost."""
        self._sells.between_read_and_write = act

    def connections(self) -> dict[str, Any]:
        """What a merchant would type in, for either dialect."""
        return {
            "apiUrl": self.url,
            "token": self.token,
            "locationIds": self.location_ids,
            "connector": self.connector_settings(),
        }

    def connector_settings(self) -> dict[str, Any]:
        """What a merchant would type in to connect over the connector."""
        return {
            "apiUrl": self.url,
            "clientId": self.login.client_id,
            "clientSecret": self.login.client_secret,
            "username": self.login.username,
            "password": self.login.password,
            "locations": [{"id": place.id, "code": place.code, "name": place.name} for place in self.state.locations],
        }

    @property
    @override
    def state_name(self) -> str:
        return self.name

    @override
    def snapshot(self) -> dict[str, Any]:
        return self.state.dump()

    @override
    def restore(self, state: dict[str, Any]) -> None:
        self.state.load(state)
        self.catalogue.reindex()

    @override
    async def start(self) -> None:
        self._rows.url = self.url

    @override
    def describe(self) -> list[str]:
        login, places = self.login, ", ".join(f"{code} = {number}" for code, number in self.location_numbers.items())
        return [
            f"Simple dialect: GET {self.url}/inventory?locationId=, POST {self.url}/sells, Bearer {self.token}",
            f"Connector dialect ({self.erp.generation}): POST {self.url}/oauth/token, {self.url}/connector/api/",
            f"  client {login.client_id}, secret {login.client_secret}, login {login.username}, password {login.password}",
            f"  locations: {places}; walk-in customer: {WALK_IN_ID}",
        ]

    @override
    def add_routes(self, app: web.Application) -> None:
        self._simple.add_routes(app)
        self._connector.add_routes(app)
        app.router.add_get(f"{CONTROL_PREFIX}/stock", self._control_stock)
        app.router.add_put(f"{CONTROL_PREFIX}/stock/{{location_id}}/{{sku}}", self._control_set_stock)
        app.router.add_delete(f"{CONTROL_PREFIX}/stock/{{location_id}}/{{sku}}", self._control_remove)
        app.router.add_post(f"{CONTROL_PREFIX}/goods", self._control_goods)
        app.router.add_get(f"{CONTROL_PREFIX}/sales", self._control_sales)
        app.router.add_post(f"{CONTROL_PREFIX}/counter-sales", self._control_counter_sale)
        app.router.add_put(f"{CONTROL_PREFIX}/policies", self._control_policies)
        app.router.add_get(f"{CONTROL_PREFIX}/connector", self._control_connector)
        app.router.add_put(f"{CONTROL_PREFIX}/erp", self._control_erp)
        app.router.add_delete(f"{CONTROL_PREFIX}/tokens", self._control_revoke)

    def _place(self, code: str | None) -> Location:
        """Without a code the first location; ApiError 404 for one that there is not."""
        found = next((one for one in self.state.locations if code in {None, one.code}), None)
        if found is None:
            raise ApiError(404, {"error": f"Unknown location {code}"})
        return found

    def _number(self, code: str | None) -> int:
        return self._place(code).id

    def _quantities(self, held: Mapping[str, float] | float | None) -> dict[int, int]:
        if held is None:
            return {}
        if isinstance(held, Mapping):
            return {self._number(code): to_fixed(quantity) for code, quantity in held.items()}
        return {number: to_fixed(held) for number in self.location_numbers.values()}

    def _view(self, sale: Transaction) -> Sale:
        codes = {location.id: location.code for location in self.state.locations}
        items, returned = [], dict[str, float]()
        for line in sale.lines:
            sku = self.state.variations[line.variation_id].sku
            items.append(Item(sku, as_number(line.quantity)))
            if line.returned:
                returned[sku] = returned.get(sku, 0) + as_number(line.returned)
        source: Literal["api", "counter"] = "counter" if sale.origin == "counter" else "api"
        return Sale(sale.sell_id, codes[sale.location_id], items, sale.reference, source, sale.created_s, returned)

    async def _control_stock(self, _request: web.Request) -> web.Response:
        return web.json_response({one.code: self._simple.tracked(one) for one in self.state.locations})

    async def _control_set_stock(self, request: web.Request) -> web.Response:
        fields = await request.json()
        self.set_stock(request.match_info["sku"], fields["quantity"], request.match_info["location_id"])
        return web.json_response({})

    async def _control_remove(self, request: web.Request) -> web.Response:
        try:
            self.remove(request.match_info["sku"], request.match_info["location_id"])
        except KeyError as error:
            raise ApiError(404, {"error": f"unknown {error}"}) from error
        return web.json_response({})

    async def _control_goods(self, request: web.Request) -> web.Response:
        self.seed_goods([from_fields(Good, fields) for fields in await request.json()])
        return web.json_response({}, status=201)

    async def _control_sales(self, _request: web.Request) -> web.Response:
        return web.json_response([dataclasses.asdict(sale) for sale in self.sales])

    async def _control_counter_sale(self, request: web.Request) -> web.Response:
        fields = await request.json()
        try:
            sale = self.counter_sale(fields["items"], fields.get("location_id"))
        except KeyError as error:
            raise ApiError(404, {"error": f"unknown {error}"}) from error
        except OutOfStock as error:
            raise ApiError(409, {"error": str(error)}) from error
        return web.json_response({"sell_id": sale.sell_id}, status=201)

    async def _control_policies(self, request: web.Request) -> web.Response:
        self.ledger.policies = from_fields(Policies, await request.json())
        return web.json_response(dataclasses.asdict(self.ledger.policies))

    async def _control_connector(self, _request: web.Request) -> web.Response:
        return web.json_response(self.connector_settings())

    async def _control_erp(self, request: web.Request) -> web.Response:
        """Fields that are not given get their defaults, as for the policies."""
        chosen = from_fields(Erp, await request.json())
        for name, value in dataclasses.asdict(chosen).items():
            setattr(self.erp, name, value)
        return web.json_response(dataclasses.asdict(self.erp))

    async def _control_revoke(self, request: web.Request) -> web.Response:
        """`?refreshable=1`: only the access tokens."""
        if request.query.get("refreshable") == "1":
            self.expire_tokens()
        else:
            self.revoke_tokens()
        return web.json_response({})
