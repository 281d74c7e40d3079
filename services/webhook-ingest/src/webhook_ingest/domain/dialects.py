"""What distinguishes one platform's webhooks from another's, as values."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from msgspec.json import Decoder

from prokip_shared.messages import Platform
from prokip_shared.platforms import custom_webhooks, shopify_webhooks, woocommerce_webhooks
from prokip_shared.platforms.webhooks import Meaning


@dataclass(frozen=True, slots=True)
class Dialect:
    platform: Platform
    signature_header: str
    topics: frozenset[str]
    """Those that are read or known to say nothing; any other topic is answered 200 and counted as `other`."""
    decoder: Decoder[Any]
    """Builds of a body what `read` and `project` look at, in the form that bodies usually have, and nothing else."""
    read: Callable[[str, Any], Meaning]
    """Topic and body to meaning; raises UnusableWebhook."""
    project: Callable[[Any], dict[str, Any]]
    """The whitelisted part of a body, all that may be kept of it."""


SHOPIFY: Final = Dialect(
    platform="shopify",
    signature_header=shopify_webhooks.HEADER_SIGNATURE,
    topics=shopify_webhooks.TOPICS,
    decoder=Decoder(shopify_webhooks.Body),
    read=shopify_webhooks.read_webhook,
    project=shopify_webhooks.project,
)
WOOCOMMERCE: Final = Dialect(
    platform="woocommerce",
    signature_header=woocommerce_webhooks.HEADER_SIGNATURE,
    topics=woocommerce_webhooks.TOPICS,
    decoder=Decoder(woocommerce_webhooks.Body),
    read=woocommerce_webhooks.read_webhook,
    project=woocommerce_webhooks.project,
)
CUSTOM: Final = Dialect(
    platform="custom",
    signature_header=custom_webhooks.HEADER_SIGNATURE,
    topics=custom_webhooks.TOPICS,
    decoder=Decoder(custom_webhooks.Body),
    read=custom_webhooks.read_webhook,
    project=custom_webhooks.project,
)
DIALECTS: Final[dict[Platform, Dialect]] = {one.platform: one for one in (SHOPIFY, WOOCOMMERCE, CUSTOM)}
