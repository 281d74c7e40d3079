from typing import Annotated

from pydantic import Field

from prokip_shared.settings import HttpUrl, OutwardSettings

Share = Annotated[float, Field(ge=0, le=1)]


class StorePushSettings(OutwardSettings):
    port: Annotated[int, Field(ge=0, le=65535)] = 8003
    shopify_url_template: Annotated[str, Field(pattern=r"^https?://\S*\{shop\}\S*$")] = "https://{shop}"
    """Where a shop's API is; the sandbox serves all its shops below one address."""
    push_workers: Annotated[int, Field(ge=1, le=200)] = 16
    """Stores that one process pushes to at a time; each holds one database connection."""
    push_failing_workers_max: Annotated[int, Field(ge=1, le=200)] = 4
    """How many of them may be busy with stores that fail, so that hanging ones never take all."""
    push_linger_ms: Annotated[float, Field(ge=0, le=1000)] = 10
    """How long changes gather before a push, so that a burst is one write."""
    push_linger_ms_max: Annotated[float, Field(ge=0, le=10_000)] = 120
    """How far apart pushes begin at most because of the load."""
    push_timeout_s: Annotated[float, Field(gt=0, le=120)] = 20
    """For one request to a store, answer included."""
    settle_s: Annotated[float, Field(gt=0, le=3600)] = 3
    """How long an order gets to explain a difference before the store is looked at again."""
    drift_after_s: Annotated[float, Field(gt=0, le=86400)] = 90
    """How long a difference stays unexplained before it is drift; longer than webhooks usually take (WordPress sends
    them by its cron, about once a minute)."""
    catalogue_interval_s: Annotated[float, Field(ge=1, le=86400)] = 900
    catalogue_hint_pause_s: Annotated[float, Field(gt=0, le=86400)] = 60
    """Between two reads of one catalogue that hints of unknown items ask for."""
    catalogue_readers: Annotated[int, Field(ge=1, le=50)] = 3
    """Catalogues that one process reads at a time; each holds one database connection."""
    prokip_poller_url: HttpUrl = "http://127.0.0.1:8004"
    """Where Prokip's products are asked for."""
    products_timeout_s: Annotated[float, Field(gt=0, le=3600)] = 200
    """For one page of them: it waits for its turn at Prokip, and Prokip may take a minute for it."""
    planners: Annotated[int, Field(ge=1, le=50)] = 2
    """Plans of products that one process works on at a time; each holds one database connection."""
    first_changed_share_max: Share = 0.5
    """Of a store's listings: if more would show another quantity when it is connected, a person decides."""
    first_zeroed_share_max: Share = 0.2
    """The same for those that would fall to zero."""
    first_skus_min: Annotated[int, Field(ge=1, le=1_000_000)] = 20
    """Fewer listings than this never wait for a person."""
    first_settle_s: Annotated[float, Field(gt=0, le=3600)] = 1
    """How long no new SKU must have come from Prokip before the first quantities of a store are judged."""
    sweep_interval_s: Annotated[float, Field(ge=1, le=86400)] = 120
    """How often each store's changed orders are read; a webhook that got lost costs at most this."""
    sweep_overlap_s: Annotated[float, Field(ge=1, le=86400)] = 120
    """How much of the time before is read again each time."""
    sweep_pause_s_min: Annotated[float, Field(gt=0, le=3600)] = 10
    """Between two sweeps of one store, however many differences ask for one."""
    sweepers: Annotated[int, Field(ge=1, le=50)] = 2
    """Stores that one process sweeps at a time; each holds one database connection."""
    public_webhook_url: HttpUrl
    """Where stores reach webhook-ingest, as the gateway has it; webhooks that a store lost are made anew for it."""
    subscription_interval_s: Annotated[float, Field(ge=1, le=86400)] = 900
    """How often each store is asked whether it still has our webhooks."""
    look_interval_s: Annotated[float, Field(ge=1, le=86400)] = 60
    """How often each store's most sold levels are looked at, a hundred at a time."""
    lookers: Annotated[int, Field(ge=1, le=50)] = 1
    """Stores whose levels one process looks at, at a time; each holds one database connection."""
    round_timeout_s: Annotated[float, Field(gt=0, le=86400)] = 300
    retention_days: Annotated[float, Field(gt=0, le=3650)] = 30
    """How long the history of pushes, drift and rounds is kept."""
