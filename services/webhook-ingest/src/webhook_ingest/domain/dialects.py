"""What distinguishes one platform's webhooks from another's, as values."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from prokip_shared.messages import Platform
from prokip_shared.platforms import custom_webhooks, shopify_webhooks, woocommerce_webhooks
from prokip_shared.platforms.webhooks import Meaning


@dataclass(frozen=True, slots=True)
class Dialect:
    platform: Platform
    signature_header: str
    topics: frozenset[str]
    """Those that are read or known to say nothing; any other topic is answered 200 and counted as `other`."""
    read: Callable[[str, Any], Meaning]
    """Topic and body to meaning; raises UnusableWebhook."""
    project: Callable[[Any], dict[str, Any]]
    """The whitelisted part of a body, all that may be kept of it."""


SHOPIFY: Final = Dialect(
    platform="shopify",
    signature_header=shopify_webhooks.HEADER_SIGNATURE,
    topics=shopify_webhooks.TOPICS,
    read=shopify_webhooks.read_webhook,
    project=shopify_webhooks.project,
)
WOOCOMMERCE: Final = Dialect(
    platform="woocommerce",
    signature_header=woocommerce_webhooks.HEADER_SIGNATURE,
    topics=woocommerce_webhooks.TOPICS,
    read=woocommerce_webhooks.read_webhook,
    project=woocommerce_webhooks.project,
)
CUSTOM: Final = Dialect(
    platform="custom",
    signature_header=custom_webhooks.HEADER_SIGNATURE,
    topics=custom_webhooks.TOPICS,
    read=custom_webhooks.read_webhook,
    project=custom_webhooks.project,
)
DIALECTS: Final[dict[Platform, Dialect]] = {one.platform: one for one in (SHOPIFY, WOOCOMMERCE, CUSTOM)}
