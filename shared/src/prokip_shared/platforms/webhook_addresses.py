"""Where each platform's webhooks arrive, below the address at which stores reach webhook-ingest."""

from collections.abc import Mapping
from typing import Final

from prokip_shared.messages import Platform

WEBHOOK_PATHS: Final[Mapping[Platform, str]] = {
    "shopify": "/connections/webhook/shopify",
    "woocommerce": "/connections/webhook/woocommerce",
    "custom": "/webhook/custom",
}


def webhook_url(public_webhook_url: str, platform: Platform) -> str:
    return public_webhook_url.rstrip("/") + WEBHOOK_PATHS[platform]
