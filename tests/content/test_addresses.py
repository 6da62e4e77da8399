"""services.content.addresses: every accepted address leads a browser to the public network, by a second reading."""

import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import unquote

import idna
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as some

from services.content.addresses import CREDENTIALS, NO_WEB_ADDRESS, NOT_PUBLIC, flaw
from tests.content.hostile_addresses import GOOD_ADDRESSES, HOSTILE_HOSTS, LOCAL_ADDRESSES

# IANA's registries of special-purpose addresses (2025), every entry that no stranger's server has, and multicast.
SPECIAL = tuple(
    map(
        ip_network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15"),
            *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32"),
            *("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64"),
            *("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10"),
            *("fec0::/10", "ff00::/8"),
        ),
    )
)


def browser_host(address: str) -> IPv4Address | IPv6Address | str | None:
    """Return the host by the URL standard (sections 3.5 and 4.4), without the code under test."""
    text = re.sub(r"[\t\n\r]", "", address.strip("".join(map(chr, range(0x21)))))
    found = re.match(r"https?:[/\\]*([^/\\?#]*)", text, re.IGNORECASE)
    if found is None:
        return None
    host = re.sub(r":[0-9]*$", "", found[1].rpartition("@")[2])
    if host.startswith("["):
        return parsed(ip_address, host.strip("[]"))
    try:
        name = idna.uts46_remap(unquote(host), std3_rules=False).rstrip(".")
    except idna.IDNAError:
        return None
    numbers = name.split(".")
    if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", numbers[-1]):
        return parsed(ipv4_of, numbers)
    return name or None


def parsed(parse: Callable[..., IPv4Address | IPv6Address], text: object) -> IPv4Address | IPv6Address | None:
    """Return the parsed address, or None."""
    try:
        return parse(text)
    except ValueError:
        return None


def ipv4_of(parts: list[str]) -> IPv4Address:
    """Parse as the standard: each part decimal, octal or hexadecimal, the last one for all remaining bytes."""
    *first, last = [int(part, 8) if re.fullmatch("0[0-7]+", part) else int(part, 0) for part in parts]
    if any(each > 255 for each in first) or last >= 256 ** (4 - len(first)):
        raise ValueError
    return IPv4Address(sum(each << (24 - 8 * at) for at, each in enumerate(first)) + last)


def is_public(host: IPv4Address | IPv6Address | str | None) -> bool:
    """Return whether it is a host of the public network, as far as its name tells."""
    if host is None:
        return False
    if isinstance(host, str):
        return re.search(r"[^.]\.[^.]+$", host) is not None and not re.search(r"(^|\.)(local(host)?|internal)$", host)
    return not any(host in network for network in SPECIAL)


@pytest.mark.parametrize(
    ("address", "public_only", "expected"),
    [
        ("https://files.example/a.pdf", True, None),
        ("http://127.0.0.1/", True, NOT_PUBLIC),
        ("http://127.0.0.1/", False, None),
        ("http://ada:secret@127.0.0.1/", True, CREDENTIALS),
        ("http://ada:secret@127.0.0.1/", False, CREDENTIALS),
        ("http://ada@[::1]/", False, CREDENTIALS),
        ("javascript:alert(1)//@", True, NO_WEB_ADDRESS),
        ("javascript:alert(1)//@", False, NO_WEB_ADDRESS),
        ("http://a:b", True, NO_WEB_ADDRESS),
        ("http://[::1]a", False, NO_WEB_ADDRESS),
    ],
)
def test_each_flaw_has_its_own_text(address: str, public_only: bool, expected: str | None) -> None:
    assert flaw(address, public_only=public_only) == expected


def test_the_second_reading_recognises_public_hosts() -> None:
    # Otherwise the tests below would prove nothing.
    assert [each for each in GOOD_ADDRESSES if not is_public(browser_host(each))] == []
    assert [each for each in LOCAL_ADDRESSES[:-1] if is_public(browser_host(each))] == []
    assert browser_host("http:\\\\a@0X7f。1:80") == IPv4Address("127.0.0.1")


BYTES = some.integers(0, 255)
NUMBERS = some.one_of(
    some.integers(0, 2**32 + 1).map(str),
    some.integers(0, 2**32 + 1).map(hex),
    some.integers(0, 2**32 + 1).map(lambda number: f"0{number:o}"),
    BYTES.map(str),
    BYTES.map(hex),
    BYTES.map(lambda number: f"0{number:o}"),
    some.just(""),
)
DOTS = some.sampled_from([".", "。", "．", "｡", "%2e"])
LABELS = some.sampled_from(
    ["localhost", "local", "internal", "127", "0", "1", "0x7f", "files", "example", "a", "xn--a", "nip", "io", ""]
)
HOSTS = some.one_of(
    some.sampled_from(HOSTILE_HOSTS),
    some.ip_addresses(v=4).map(str),
    some.ip_addresses(v=6).map(lambda address: f"[{address}]"),
    some.ip_addresses(v=6).map(lambda address: f"[{address.exploded}]"),
    some.sampled_from([str(network) for network in SPECIAL if network.version == 6]).flatmap(
        lambda network: some.ip_addresses(v=6, network=network).map(lambda address: f"[{address}]")
    ),
    some.tuples(some.lists(NUMBERS, min_size=1, max_size=5), DOTS).map(lambda drawn: drawn[1].join(drawn[0])),
    some.tuples(some.lists(LABELS, min_size=1, max_size=4), DOTS).map(lambda drawn: drawn[1].join(drawn[0])),
    some.text(min_size=1, max_size=12),
    some.text(alphabet="0123456789abcdefx.:[]%@\\/?#-_１２７。ⓛ\u00ad\u200b\t", min_size=1, max_size=16),
)
FULL_WIDTH = str.maketrans({chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)})
ADDRESSES = some.builds(
    lambda scheme, user, host, disguised, port, rest: (
        f"{scheme}{user}{host.translate(FULL_WIDTH) if disguised else host}{port}{rest}"
    ),
    some.sampled_from(["http://", "https://", "HTTP://", "http:/", "http:\\\\", "https:///", "http://\t"]),
    some.sampled_from(["", "", "", "", "good.example@", "a:b@", "@"]),
    HOSTS,
    some.sampled_from([False, False, False, True]),
    some.sampled_from(["", "", "", ":80", ":", ":65536", ":a"]),
    some.sampled_from(["", "/", "/a.pdf", "?a", "#a", "\\a", "/@good.example"]),
)


@settings(max_examples=500)
@given(ADDRESSES)
@example("http://[2a00:1450::5efe:127.0.0.1]/")
def test_every_accepted_address_leads_to_a_public_host(address: str) -> None:
    if flaw(address, public_only=True) is None:
        assert is_public(browser_host(address))


@settings(max_examples=200)
@given(ADDRESSES)
def test_the_local_profile_accepts_what_the_managed_one_does(address: str) -> None:
    if flaw(address, public_only=True) is None:
        assert flaw(address, public_only=False) is None


@given(some.ip_addresses(v=4).filter(lambda address: not any(address in network for network in SPECIAL)))
def test_a_public_ipv4_address_is_accepted_in_its_usual_notation_only(address: IPv4Address) -> None:
    assert flaw(f"https://{address}/a.pdf", public_only=True) is None
    for odd in (str(int(address)), hex(int(address)), f"0{address}", f"{address}.1"):
        assert flaw(f"https://{odd}/a.pdf", public_only=True) == NOT_PUBLIC
