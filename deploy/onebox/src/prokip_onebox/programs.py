"""Which processes make the system on one machine, and with which settings."""

import os

from prokip_onebox.config import OneboxSettings
from prokip_onebox.keys import Keys
from prokip_onebox.processes import Program
from prokip_sandbox.shopify.consent import SANDBOX_APP

SECONDS_PER_MINUTE = 60
SERVICE_MODULES = ("inventory", "prokip_poller", "store_push", "webhook_ingest", "gateway")
"""In birth order: whoever is asked comes before whoever asks; the doors to the outside open last."""


def service_programs(settings: OneboxSettings, keys: Keys, database_url: str) -> list[Program]:
    ports = {
        "inventory": settings.inventory_port,
        "prokip_poller": settings.poller_port,
        "store_push": settings.store_push_port,
        "webhook_ingest": settings.ingest_port,
        "gateway": settings.gateway_port,
    }
    common = _inherited() | {
        "DATABASE_URL": database_url,
        "BROKER_URL": settings.broker_url,
        "ENCRYPTION_KEY": keys.encryption_key,
        "INTERNAL_SECRET": keys.internal_secret,
        "JWT_SECRET": keys.jwt_secret,
        "HOST": settings.host,
        "LOG_LEVEL": settings.log_level,
        "PUBLIC_URL": _url(settings, settings.gateway_port),
        "PUBLIC_WEBHOOK_URL": _url(settings, settings.ingest_port),
        "INVENTORY_URL": _url(settings, settings.inventory_port),
        "STORE_PUSH_URL": _url(settings, settings.store_push_port),
        "PROKIP_POLLER_URL": _url(settings, settings.poller_port),
        "INGEST_URL": _url(settings, settings.ingest_port),
    }
    if settings.sandbox:
        common |= {
            "ALLOWED_PRIVATE_HOSTS": settings.host,
            "SHOPIFY_URL_TEMPLATE": f"http://{settings.host}:{settings.sandbox_port + 1}/{{shop}}",
            "SHOPIFY_CLIENT_ID": SANDBOX_APP.client_id,
            "SHOPIFY_CLIENT_SECRET": SANDBOX_APP.client_secret,
            # A simulated ERP needs no sparing; the pace of a real one would only show an idle world.
            "CONNECTOR_REQUEST_INTERVAL_S": "0.02",
        }
    return [
        Program(
            name=module.replace("_", "-"),
            module=module,
            ready_url=f"http://{settings.host}:{ports[module]}/health/ready",
            environ=common | {"PORT": str(ports[module])},
        )
        for module in SERVICE_MODULES
    ]


def sandbox_program(settings: OneboxSettings) -> Program:
    options = {
        "--host": settings.host,
        "--port": settings.sandbox_port,
        "--state-dir": settings.data_dir / "sandbox",
        "--woocommerce": settings.sandbox_woocommerce_stores,
        "--shopify": settings.sandbox_shopify_stores,
        "--goods": settings.sandbox_products,
        "--seed": settings.sandbox_seed,
        "--orders-per-s": settings.sandbox_orders_per_minute / SECONDS_PER_MINUTE,
    }
    return Program(
        name="sandbox",
        module="prokip_sandbox",
        ready_url=_url(settings, settings.sandbox_port) + "/",
        environ=_inherited(),
        arguments=("world", "--once-connected", *(str(word) for pair in options.items() for word in pair)),
    )


def _url(settings: OneboxSettings, port: int) -> str:
    return f"http://{settings.host}:{port}"


def _inherited() -> dict[str, str]:
    """What a child needs of our own environment; nothing that could be a setting of a service by accident."""
    wanted = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV", "SSL_CERT_FILE")
    return {name: os.environ[name] for name in wanted if name in os.environ}
