"""What an operator may choose about the one-machine run; everything has a default that works."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from prokip_shared.settings import Settings

Port = Annotated[int, Field(ge=1, le=65535)]


class OneboxSettings(Settings):
    data_dir: Path = Path(".data")
    """Keys, embedded database, sandbox state and logs; kept between runs."""
    database_url: str | None = None
    """None: an embedded Postgres in data_dir."""
    broker_url: str = "postgres"
    host: str = "127.0.0.1"
    log_level: str = "info"
    gateway_port: Port = 8000
    ingest_port: Port = 8001
    inventory_port: Port = 8002
    store_push_port: Port = 8003
    poller_port: Port = 8004
    sandbox: bool = True
    """Simulated stores and ERP with shoppers; SANDBOX=0 runs the services alone."""
    sandbox_port: Port = 9100
    """Simulated Prokip; Shopify has the next port, the WooCommerce stores those after it."""
    sandbox_woocommerce_stores: Annotated[int, Field(ge=0, le=50)] = 2
    sandbox_shopify_stores: Annotated[int, Field(ge=0, le=50)] = 2
    sandbox_products: Annotated[int, Field(ge=1, le=20000)] = 40
    sandbox_orders_per_minute: Annotated[float, Field(ge=0, le=60000)] = 20.0
    sandbox_seed: int = 1
    sandbox_prokip_dialect: Literal["connector", "simple"] = "connector"
    """How a Prokip that is not set up yet is set up."""
    start_timeout_s: Annotated[float, Field(gt=0)] = 60.0
    stop_timeout_s: Annotated[float, Field(gt=0)] = 20.0

    def ports(self) -> list[tuple[str, int]]:
        """Every port that will be listened on, with the variable that moves it."""
        services = [
            ("gateway_port", self.gateway_port),
            ("ingest_port", self.ingest_port),
            ("inventory_port", self.inventory_port),
            ("store_push_port", self.store_push_port),
            ("poller_port", self.poller_port),
        ]
        servers = 2 + self.sandbox_woocommerce_stores if self.sandbox else 0
        return services + [("sandbox_port", self.sandbox_port + offset) for offset in range(servers)]
