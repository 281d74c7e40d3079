"""`python -m prokip_sandbox woocommerce|shopify|prokip|world`: serve until SIGTERM or Ctrl-C.

One JSON line on standard output says when it is ready and how to connect; a port in use ends it with one line.
"""

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from pathlib import Path
from typing import Any

from prokip_sandbox.catalogue import make_goods
from prokip_sandbox.prokip import Erp, ProkipServer
from prokip_sandbox.shopify import Limits, ShopifyServer
from prokip_sandbox.woocommerce import WooCommerceStore
from prokip_sandbox.world import World, WorldSpec


def main() -> int:
    arguments = _arguments()
    try:
        asyncio.run(_serve(arguments))
    except OSError as error:
        sys.stderr.write(f"prokip_sandbox: cannot serve: {error.strerror or error}\n")
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="prokip_sandbox", description="Simulated servers; nothing here is real.")
    parser.add_argument("what", choices=("woocommerce", "shopify", "prokip", "world"))
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: free ones; a world uses this one and those after it")
    parser.add_argument("--state-dir", type=Path, help="keep the state here; a second start goes on from it")
    parser.add_argument("--goods", type=int, default=100)
    parser.add_argument("--quantity", type=int, default=100, help="of each of the goods at the start")
    parser.add_argument("--simple-only", action="store_true", help="only simple goods, each with a SKU and stock")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--woocommerce", type=int, default=2, metavar="N", help="stores of a world")
    parser.add_argument("--shopify", type=int, default=2, metavar="N", help="shops of a world or of the Shopify server")
    parser.add_argument("--orders-per-s", type=float, default=0.0, help="shoppers of a world; 0: none")
    parser.add_argument("--once-connected", action="store_true", help="shoppers come when every store is connected")
    parser.add_argument("--generation", choices=("legacy", "modern"), default="legacy", help="of Prokip's connector")
    parser.add_argument("--unlimited", action="store_true", help="no throttling by Shopify")
    parser.add_argument("--behind-tls-proxy", action="store_true", help="WooCommerce takes Basic over plain http")
    return parser.parse_args()


async def _serve(arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        ready = await _world(arguments, stack) if arguments.what == "world" else await _single(arguments, stack)
        sys.stdout.write(json.dumps({"event": "ready", "simulated": True, **ready}) + "\n")
        sys.stdout.flush()
        await stop.wait()


async def _world(arguments: argparse.Namespace, stack: contextlib.AsyncExitStack) -> dict[str, Any]:
    spec = WorldSpec(
        woocommerce_stores=arguments.woocommerce,
        shopify_shops=arguments.shopify,
        goods=arguments.goods,
        quantity=arguments.quantity,
        simple_only=arguments.simple_only,
        seed=arguments.seed,
        base_port=arguments.port,
        shopify_limits=Limits(unlimited=arguments.unlimited),
        prokip_erp=Erp(generation=arguments.generation),
        woocommerce_behind_tls_proxy=arguments.behind_tls_proxy,
    )
    world = await stack.enter_async_context(World(spec).serve(arguments.host, arguments.state_dir))
    if arguments.orders_per_s:
        await stack.enter_async_context(
            world.shopping(arguments.orders_per_s, seed=arguments.seed, once_connected=arguments.once_connected)
        )
    return world.connections()


async def _single(arguments: argparse.Namespace, stack: contextlib.AsyncExitStack) -> dict[str, Any]:
    goods = make_goods(
        arguments.goods, seed=arguments.seed, quantity=arguments.quantity, simple_only=arguments.simple_only
    )
    if arguments.what == "woocommerce":
        store = WooCommerceStore(seed=arguments.seed, behind_tls_proxy=arguments.behind_tls_proxy)
        store.seed_goods(goods)
        await stack.enter_async_context(store.serve(arguments.host, arguments.port, state_dir=arguments.state_dir))
        key = store.key
        return {"storeUrl": store.url, "consumerKey": key.consumer_key, "consumerSecret": key.consumer_secret}
    if arguments.what == "shopify":
        domains = [f"sandbox-{n}.myshopify.com" for n in range(1, arguments.shopify + 1)]
        server = ShopifyServer(domains, limits=Limits(unlimited=arguments.unlimited), seed=arguments.seed)
        server.seed_goods(goods)
        await stack.enter_async_context(server.serve(arguments.host, arguments.port, state_dir=arguments.state_dir))
        tokens = {domain: shop.access_token for domain, shop in server.shops.items()}
        return {"urlTemplate": f"{server.url}/{{shop}}", "apiSecret": server.api_secret, "accessTokens": tokens}
    prokip = ProkipServer(erp=Erp(generation=arguments.generation), seed=arguments.seed)
    prokip.seed_goods(goods)
    await stack.enter_async_context(prokip.serve(arguments.host, arguments.port, state_dir=arguments.state_dir))
    return prokip.connections()


if __name__ == "__main__":
    sys.exit(main())
