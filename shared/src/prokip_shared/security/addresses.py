"""Which IP addresses lie outside: pure, and stricter than the standard library, which looks into few of the forms in
which IPv6 carries an IPv4 address.
"""

import ipaddress
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
"""All that is given out so far: https://www.iana.org/assignments/ipv6-address-space"""
NAT64: Final = IPv6Network("64:ff9b::/96")
"""What networks without IPv4 make of IPv4 addresses: https://www.rfc-editor.org/rfc/rfc6052#section-2.1"""
NEAREST: Final = (IPv4Network("192.0.0.0/24"), IPv4Network("192.88.99.0/24"))
"""Whatever answers nearest, so perhaps something inside: protocol assignments (a cloud's metadata is at 192.0.0.192), and
6to4 relays."""
ISATAP: Final = frozenset({0x00005EFE, 0x02005EFE})
"""The middle of interface identifiers that end in an IPv4 address: https://www.rfc-editor.org/rfc/rfc5214#section-6.1"""
LOW_32: Final = 0xFFFFFFFF


def is_public(address: str) -> bool:
    """False for private, loopback, link-local, multicast, reserved and unassigned addresses, and for every IPv6 form
    that carries one of those. Raises ValueError for what is no IP address.
    """
    ip = ipaddress.ip_address(address)
    if isinstance(ip, IPv4Address):
        return _is_public_v4(ip)
    if ip.ipv4_mapped is not None:
        return _is_public_v4(ip.ipv4_mapped)
    if ip in NAT64:
        return _is_public_v4(IPv4Address(int(ip) & LOW_32))
    plain = ip.scope_id is None and ip in GLOBAL_UNICAST and ip.is_global
    return plain and all(_is_public_v4(inner) for inner in _carried(ip))


def _is_public_v4(ip: IPv4Address) -> bool:
    unicast = ip.is_global and not ip.is_multicast and not ip.is_reserved
    return unicast and not any(ip in network for network in NEAREST)


def _carried(ip: IPv6Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses at which packets for this one come out again."""
    if ip.sixtofour is not None:
        yield ip.sixtofour
    if ip.teredo is not None:
        yield from ip.teredo
    if (int(ip) >> 32) & LOW_32 in ISATAP:
        yield IPv4Address(int(ip) & LOW_32)
