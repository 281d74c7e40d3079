from prokip_sandbox import Fault, Good, ShopifyServer, WooCommerceStore
from prokip_shared.messages import StockHoldersObservedV1
from tests.integration.push.test_pushing import shopify_with, woo_with
from tests.integration.push.world import PushWorld, open_world, unlimited
from tests.support.eventually import eventually


def mixed_goods() -> list[Good]:
    return [
        Good("PLAIN", "Plain", 100, 10),
        Good("", "Nameless", 100, 10),
        Good("FREE", "Uncounted", 100, 0, "unmanaged"),
        Good("VAR-S", "Variable - S", 100, 10, "variation", "VAR", "S"),
        Good("VAR-M", "Variable - M", 100, 10, "variation", "VAR", "M"),
        Good("PAR-S", "Shared - S", 100, 10, "shared", "PAR", "S"),
        Good("PAR-M", "Shared - M", 100, 10, "shared", "PAR", "M"),
    ]


async def states(world: PushWorld, connection_id: int) -> dict[str | None, str]:
    _, page = await world.ask(f"/internal/listings?connection={connection_id}&limit=200")
    return {item["sku"]: item["state"] for item in page["items"]}


async def test_variations_are_pushed_to_their_parents_and_shared_stock_to_its_holder(database_url: str) -> None:
    woo = WooCommerceStore()
    woo.seed_goods(mixed_goods())
    async with woo.serve(), open_world(database_url) as world:
        connection = await world.connect_woo(woo)
        found = await states(world, connection)
        assert found["PLAIN"] == found["VAR-S"] == found["VAR-M"] == found["PAR"] == "matched"
        assert found[None] == "no_sku"
        assert found["FREE"] == "not_tracked"
        assert found["PAR-S"] == found["PAR-M"] == "held_by_parent"
        await world.until(lambda: bool(world.heard_of(StockHoldersObservedV1)), "holders told")
        holders = world.heard_of(StockHoldersObservedV1)[0].holders
        assert {(holder.sku, holder.held_by) for holder in holders} == {("PAR-S", "PAR"), ("PAR-M", "PAR")}
        await world.tell_stock({"PLAIN": 1, "FREE": 2, "VAR-S": 3, "VAR-M": 4, "PAR": 5, "PAR-S": 6})
        await world.until_settled(connection)
        shown = {sku: woo.stock(sku) for sku in ("PLAIN", "FREE", "VAR-S", "VAR-M", "PAR")}
        assert shown == {"PLAIN": 1, "FREE": None, "VAR-S": 3, "VAR-M": 4, "PAR": 5}


async def test_a_sku_that_two_items_share_is_pushed_to_neither(database_url: str) -> None:
    shopify = ShopifyServer(limits=unlimited())
    shopify.seed_goods([Good("TWIN", "One", 100, 10), Good("TWIN", "Other", 100, 20), Good("ONLY", "Alone", 100, 30)])
    async with shopify.serve(), open_world(database_url, shopify) as world:
        shop = await world.connect_shop(shopify)
        await world.tell_stock({"TWIN": 1, "ONLY": 1})
        await world.until_settled(shop)
        assert shopify.shop().stock("ONLY") == 1
        assert {level.available for item in shopify.shop().state.items.values() for level in item.levels.values()} == {
            1,
            10,
            20,
        }
        assert (await states(world, shop))["TWIN"] == "duplicate_sku"


async def test_a_product_that_is_added_later_gets_its_quantity_with_the_next_read(database_url: str) -> None:
    woo = woo_with(1)
    async with woo.serve(), open_world(database_url, CATALOGUE_INTERVAL_S="1") as world:
        await world.connect_woo(woo)
        await world.tell_stock({"SKU-0001": 5, "LATE": 7})
        woo.seed_goods([Good("LATE", "Late", 100, 50)])
        await world.until(lambda: woo.stock("LATE") == 7, "written")


async def test_a_product_that_is_gone_is_known_as_gone_and_comes_back(database_url: str) -> None:
    woo = woo_with(150)
    async with woo.serve(), open_world(database_url, CATALOGUE_INTERVAL_S="1") as world:
        connection = await world.connect_woo(woo)
        woo.catalogue.delete(woo.product("SKU-0101"), force=False)

        async def gone() -> bool:
            return (await states(world, connection))["SKU-0101"] == "gone"

        await eventually(gone, what="gone")


async def test_a_product_that_moved_between_two_pages_is_not_called_gone(database_url: str) -> None:
    woo = woo_with(150)
    async with woo.serve(), open_world(database_url, CATALOGUE_INTERVAL_S="86400") as world:
        connection = await world.connect_woo(woo)
        first = await world.fetch_value("SELECT read_at FROM push.catalogue_read")
        slow = woo.faults.add(Fault("slow", path=r"/products\?.*page=2", hold_s=0.3))
        await world.post(f"/internal/stores/{connection}/catalogue/read")
        await world.until(lambda: slow.met == 1, "second page asked for")
        woo.catalogue.delete(woo.product("SKU-0001"), force=True)

        async def read() -> bool:
            return bool(await world.fetch_value("SELECT read_at > $1 FROM push.catalogue_read", first))

        await eventually(read, what="read again")
        _, report = await world.ask(f"/internal/stores/{connection}/catalogue")
        assert report["counts"] == {"only_in_store": 150}  # the first page had named what is gone by now


async def test_a_catalogue_that_cannot_be_read_is_tried_again(database_url: str) -> None:
    shopify = shopify_with(250)
    shopify.faults.add(Fault("status", body="Catalogue", skip=1, status=502))
    async with shopify.serve(), open_world(database_url, shopify) as world:
        shop = await world.connect_shop(shopify)
        assert await world.fetch_value("SELECT items FROM push.catalogue_read WHERE connection_id = $1", shop) == 250
        assert len(await states(world, shop)) == 200
