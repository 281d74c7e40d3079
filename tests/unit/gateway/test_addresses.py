import pytest

from gateway.domain.addresses import AddressProblem, parse_http_address, parse_shop_domain, slug_of

PRIVATE = ("127.0.0.1", "shop.test")


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("https://shop.example", "https://shop.example"),
        (" HTTPS://Shop.Example:443/ ", "https://shop.example"),
        ("shop.example/blog/", "https://shop.example/blog"),
        ("https://shop.example:8443/a/b", "https://shop.example:8443/a/b"),
        ("https://münchen.example", "https://xn--mnchen-3ya.example"),
        ("https://shop.example.", "https://shop.example"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("http://shop.test", "http://shop.test"),
        ("https://[2001:db8::1]:444", "https://[2001:db8::1]:444"),
    ],
)
def test_one_address_has_one_form(typed: str, url: str) -> None:
    assert parse_http_address(typed, private_hosts=PRIVATE, what="Store address").url == url


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "https://",
        "ftp://shop.example",
        "javascript:alert(1)",
        "http://shop.example",
        "http://shop.test.evil.example",
        "https://user@shop.example",
        "https://user:pw@shop.example",
        "https://shop.example?x=1",
        "https://shop.example/?",
        "https://shop.example#x",
        "https://shop.example/../admin",
        "https://shop.example/\\evil",
        "https://shop.exa mple",
        "https://shop.example:99999",
        "https://shop_.example",
        "https://" + "a" * 600,
        "https://.",
        "https://2130706433",
        "https://0x7f000001",
        "https://0x7f.1",
        "https://0177.0.0.1",
        "https://127.1",
        "https://1.2.3.4.5",
        "https://shop.example:80@127.0.0.1",
        "https://[fe80::1%1]",
    ],
)
def test_what_is_no_address_is_refused_with_a_sentence(typed: str) -> None:
    with pytest.raises(AddressProblem, match=r"^Store address: .+\.$"):
        parse_http_address(typed, private_hosts=PRIVATE, what="Store address")


@pytest.mark.parametrize(
    "typed",
    ["my-store", "My-Store.myshopify.com", "https://my-store.myshopify.com/admin/products", " my-store.MYSHOPIFY.com "],
)
def test_a_shop_is_known_however_it_is_typed(typed: str) -> None:
    assert parse_shop_domain(typed) == "my-store.myshopify.com"


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "-x",
        "evil.example",
        "x.myshopify.com.evil.example",
        "evil.example/x.myshopify.com",
        "x.myshopify.com:8080",
        "user@x.myshopify.com",
        "x.y.myshopify.com",
        "x.myshopify.com\n",
        "x.myshopify.com\nevil",
    ],
)
def test_only_a_whole_myshopify_name_is_a_shop(typed: str) -> None:
    if typed == "x.myshopify.com\n":
        assert parse_shop_domain(typed) == "x.myshopify.com"
        return
    with pytest.raises(AddressProblem):
        parse_shop_domain(typed)


@pytest.mark.parametrize(
    ("name", "slug"),
    [("Corner Shop", "corner-shop"), ("  Ümläut & Söhne!", "ml-ut-s-hne"), ("###", "store"), ("x" * 90, "x" * 40)],
)
def test_a_name_becomes_the_readable_part_of_a_key(name: str, slug: str) -> None:
    assert slug_of(name) == slug
