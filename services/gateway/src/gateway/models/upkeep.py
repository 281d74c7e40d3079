"""How well a store tells of its sales, and how it is looked after."""

from typing import Literal

from gateway.models.base import Answer, Time
from prokip_shared.messages import ConnectionHealth, Platform


class WebhookCounts(Answer):
    """Of one store and one time; what each word means: docs/adr/0020-gap-meter.md."""

    changes: int
    """States of orders that a webhook should have told: what all shares are of."""
    missed: int
    """Found by a sweep, and told by no webhook so far."""
    late: int
    duplicates: int
    out_of_order: int
    missed_percent: float | None
    """None where nothing changed."""
    late_percent: float | None
    duplicates_percent: float | None
    out_of_order_percent: float | None


class WebhookCountsAt(WebhookCounts):
    at: Time
    """When the hour or the day began."""


class StoreWebhooks(Answer):
    """The gap meter over 24 hours and 30 days."""

    connection_id: int
    day: WebhookCounts
    month: WebhookCounts


class WebhookMeter(StoreWebhooks):
    """One store's, and how it went."""

    hours: list[WebhookCountsAt]
    """The last 24, the running one last."""
    days: list[WebhookCountsAt]
    """The last 30 times 24 hours, today's last."""


class SweepState(Answer):
    """Reading what a store changed in its orders, for webhooks that never came."""

    complete_at: Time | None
    """When the newest complete sweep began; None: there was none yet."""
    next_at: Time | None
    behind_s: float
    """How far what is known of the store's orders lags behind it without webhooks."""
    unfinished: bool
    orders: int
    """In the newest complete sweep."""
    unreadable: int
    error: str | None


class WebhookCare(Answer):
    """Looking whether a store still has our webhooks."""

    checked_at: Time | None
    next_at: Time | None
    restored_at: Time | None
    """When webhooks last had to be made anew; None: never."""
    restored_topics: list[str]
    error: str | None


class LevelLooks(Answer):
    """Looking at what a store shows, the most sold first."""

    looked_at: Time | None
    next_at: Time | None
    listings: int
    """In the newest look."""
    differing: int
    """Of these: those that showed something unexpected and are looked at again."""
    error: str | None


class CatalogueReads(Answer):
    read_at: Time | None
    next_at: Time | None
    items: int | None
    error: str | None


class StoreBudget(Answer):
    """What a store can bear; pushes go first, everything else leaves half of it alone."""

    kind: Literal["points", "time"]
    """points: Shopify's bucket of query points; time: a store whose time is shared."""
    points_available: float | None
    points_maximum: float | None
    points_restored_per_s: float | None
    answer_s: float | None
    """How long the last background call took; None before the first."""
    held_until: Time | None
    """The store asked to be left alone until then."""


class Upkeep(Answer):
    """How a store answers and is looked after beside the pushes."""

    connection_id: int
    platform: Platform
    health: ConnectionHealth
    health_since: Time
    health_detail: str
    consecutive_failures: int
    next_attempt_at: Time
    """When it is pushed to again at the earliest."""
    last_push_at: Time | None
    sweeps: SweepState | None
    """None, as the next three, where the platform has no such thing (custom stores)."""
    webhooks: WebhookCare | None
    levels: LevelLooks | None
    catalogue: CatalogueReads | None
    budget: StoreBudget
