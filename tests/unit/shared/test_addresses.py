import pytest

from prokip_shared.security.addresses import is_public


@pytest.mark.parametrize(
    "address",
    [
        "93.184.216.34",
        "2606:2800:220:1:248:1893:25c8:1946",
        "::ffff:93.184.216.34",
        "64:ff9b::93.184.216.34",  # a public store, seen from a network without IPv4
        "2002:5db8:d822::1",  # 6to4 of the first
    ],
)
def test_addresses_outside(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "10.1.2.3",
        "172.16.0.9",
        "192.168.1.1",
        "169.254.169.254",  # metadata of clouds
        "100.64.0.1",
        "100.100.100.200",  # metadata of another cloud
        "0.0.0.0",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "192.0.0.192",
        "192.88.99.1",
        "198.18.0.1",
        "::",
        "::1",
        "::127.0.0.1",
        "::10.0.0.1",
        "fe80::1",
        "fe80::1%1",
        "2606:2800:220:1:248:1893:25c8:1946%1",
        "fec0::1",
        "fd00::1",
        "fd00:ec2::254",  # metadata, over IPv6
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:0:127.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1::127.0.0.1",
        "2002:7f00:1::1",  # 6to4 of 127.0.0.1
        "2002:a00:1::1",
        "2001:0:7f00:1::1",  # Teredo by a server inside
        "2001:db8::1",
        "2606:4700::5efe:10.0.0.1",  # ISATAP
        "2606:4700::200:5efe:192.168.0.1",
        "4000::1",
    ],
)
def test_addresses_inside(address: str) -> None:
    assert not is_public(address)
