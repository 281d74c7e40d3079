"""Addresses that people type, in one form; what is wrong with them, in words."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final
from urllib.parse import urlsplit

ADDRESS_CHARS_MAX: Final = 500
FORBIDDEN: Final = re.compile(r"[\s\x00-\x1f\\]")
SHOP_NAME_FORM: Final = re.compile(r"^[a-z0-9][a-z0-9-]*$")
SHOP_FORM: Final = re.compile(r"^[a-z0-9][a-z0-9-]*\.myshopify\.com$")
HOST_FORM: Final = re.compile(r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$|^\[[0-9a-f:.]+\]$")
NUMBER_FORM: Final = re.compile(r"(^|\.)(0x[0-9a-f]*|[0-9]+)$")
"""A host that ends so is an IPv4 address in one of the forms that some programs read, or nothing:
https://url.spec.whatwg.org/#ends-in-a-number-checker"""
DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class AddressProblem(Exception):
    """The sentence tells the person what to type instead."""


@dataclass(frozen=True, slots=True)
class HttpAddress:
    url: str
    """scheme://host[:port][/path], lower-case host, default port and trailing slash left out."""
    host: str
    scheme: str


def parse_http_address(text: str, *, private_hosts: Collection[str], what: str) -> HttpAddress:
    """`shop.example/blog/` and `HTTPS://Shop.example:443/blog` are one address.

    Plain http would send keys in the clear, so it is for hosts that the deployment allows by name. Raises
    AddressProblem.
    """
    typed = text.strip()
    if not typed or len(typed) > ADDRESS_CHARS_MAX or FORBIDDEN.search(typed):
        raise AddressProblem(f"{what}: type an address such as https://store.example.")
    parts = urlsplit(typed if "://" in typed else f"https://{typed}")
    if parts.scheme not in DEFAULT_PORTS:
        raise AddressProblem(f"{what}: the address begins with https://.")
    if parts.username is not None or parts.query or parts.fragment or "?" in typed or "#" in typed:
        raise AddressProblem(f"{what}: only the address itself, without user name, ? or #.")
    host, port = _host_and_port(parts.netloc, parts.scheme, what)
    if parts.scheme == "http" and host.strip("[]") not in private_hosts:
        raise AddressProblem(f"{what}: https:// is needed, plain http would show the keys to everybody on the way.")
    if any(segment in {".", ".."} for segment in parts.path.split("/")):
        raise AddressProblem(f"{what}: the path has no . or .. parts.")
    netloc = host if port is None else f"{host}:{port}"
    return HttpAddress(f"{parts.scheme}://{netloc}{parts.path.rstrip('/')}", host, parts.scheme)


def _host_and_port(netloc: str, scheme: str, what: str) -> tuple[str, int | None]:
    try:
        parts = urlsplit(f"//{netloc}")
        port = parts.port
        host = (parts.hostname or "").encode("idna").decode("ascii").lower()
    except (ValueError, UnicodeError) as error:
        raise AddressProblem(f"{what}: the host name or port cannot be read.") from error
    host = f"[{host}]" if ":" in host else host.rstrip(".")
    if not HOST_FORM.match(host):
        raise AddressProblem(f"{what}: the host name cannot be read.")
    if NUMBER_FORM.search(host) and not _is_ipv4(host):
        raise AddressProblem(f"{what}: an IP address is written as four numbers, such as 203.0.113.7.")
    return host, None if port == DEFAULT_PORTS[scheme] else port


def _is_ipv4(host: str) -> bool:
    """Four decimal numbers without leading zeros."""
    try:
        return str(IPv4Address(host)) == host
    except ValueError:
        return False


def parse_shop_domain(text: str) -> str:
    """`My-Store`, `my-store.myshopify.com` and `https://my-store.myshopify.com/admin` are one shop.

    Anchored at both ends: https://shopify.dev/docs/apps/build/authentication-authorization. Raises AddressProblem.
    """
    typed = text.strip().lower()
    host = typed.split("://", 1)[-1].split("/", 1)[0]
    shop = f"{host}.myshopify.com" if SHOP_NAME_FORM.match(host) else host
    if not SHOP_FORM.match(shop):
        raise AddressProblem("Shop: type the name that ends in .myshopify.com, such as my-store.myshopify.com.")
    return shop


def slug_of(name: str) -> str:
    """The readable part of a custom store's key."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "store"
