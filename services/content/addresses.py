"""The check of a material's address, to which learners' browsers go. Nothing is fetched from it here.

Browsers read an address by the URL standard (https://url.spec.whatwg.org/#url-parsing), which accepts what RFC 3986
does not: they drop tabs, turn backslashes, and take 127.1, 0x7f000001 and full-width digits for 127.0.0.1. So an
address with two readings is refused, and the only reading is checked. A name is checked by itself: what it resolves to
is unknown here, and may change at any time.
"""

import re
import unicodedata
from ipaddress import IPv4Address, IPv6Address, ip_network

import idna

from services.kit.core.texts import is_web_address

NO_WEB_ADDRESS = "must be an http or https address"
CREDENTIALS = "must not contain a user name or a password"
NOT_PUBLIC = "must be at a public host: not a local or private one, and written in the usual way"

_AUTHORITY = re.compile(r"https?://([^/?#]*)", re.IGNORECASE)
_HOST_AND_PORT = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(?::[0-9]{0,5})?")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
# For a browser, a host whose last label is a number is an IPv4 address or invalid.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_MAXIMUM_NAME = 253

# Suffixes outside the public name service: RFC 6761, RFC 6762 (with its appendix G), RFC 8375, ICANN's reservation of
# .internal, and the suffixes of clusters.
_INNER_SUFFIXES = {
    "arpa",
    "consul",
    "corp",
    "home",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localdomain6",
    "localhost",
    "private",
    "svc",
    "test",
}
# Public names made to lead to an inner address: to this machine, to the address in the name, to a cloud's metadata.
# Others can be registered; these are in every list of attacks.
_LEADING_INSIDE = {
    "1u.ms",
    "bugbounty.dod.network",
    "fuf.me",
    "lacolhost.com",
    "lcl.host",
    "local.gd",
    "localh.st",
    "localhost.domaincontrol.com",
    "localtest.me",
    "lvh.me",
    "metadata.goog",
    "metadata.tencentyun.com",
    "nip.io",
    "rbndr.us",
    "sslip.io",
    "traefik.me",
    "vcap.me",
    "xip.io",
}

# Special-purpose addresses (IANA) that some releases of `ipaddress` call global, and the address at which Azure serves
# its own machines.
_INNER_IPV4 = tuple(map(ip_network, ("168.63.129.16/32", "192.0.0.0/24", "192.88.99.0/24", "224.0.0.0/3")))
# All addresses in use are in 2000::/3 (RFC 4291 section 2.4); these networks in it lead to an IPv4 address or nowhere.
_GLOBAL_IPV6 = ip_network("2000::/3")
_INNER_IPV6 = tuple(map(ip_network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
# Interface ids with an IPv4 address, in any network (ISATAP, RFC 5214 section 6.1).
_ISATAP = (0x00005EFE, 0x02005EFE)


def flaw(address: str, *, public_only: bool) -> str | None:
    """Return what is wrong with a material's address, or None; `public_only` asks for a host of the public network."""
    if not is_web_address(address) or any(map(_is_refused, address)):
        return NO_WEB_ADDRESS
    authority = _authority(address)
    if "@" in authority:
        return CREDENTIALS
    host = _HOST_AND_PORT.fullmatch(authority)
    if host is None or not host[1]:
        return NO_WEB_ADDRESS
    return NOT_PUBLIC if public_only and not _is_public(host[1]) else None


def _is_refused(character: str) -> bool:
    # Control and format characters, halves of surrogate pairs, white space, and the backslash, which browsers turn.
    return character == "\\" or unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zs", "Zl", "Zp")


def _authority(address: str) -> str:
    found = _AUTHORITY.match(address)
    return found[1] if found else ""


def _is_public(host: str) -> bool:
    if host.startswith("["):
        return _is_public_ipv6(host[1:-1])
    name = _ascii(host)
    labels = name.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return _is_public_ipv4(name)
    return len(name) <= _MAXIMUM_NAME and all(map(_is_label, labels)) and _is_public_name(labels)


def _ascii(host: str) -> str:
    """Return the name as the name service knows it, without the final dot; empty when it is no name."""
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode()
        except idna.IDNAError:
            return ""
    return host.lower().removesuffix(".")


def _is_label(label: str) -> bool:
    if not _LABEL.fullmatch(label):
        return False
    try:
        return not label.startswith("xn--") or bool(idna.ulabel(label))
    except idna.IDNAError:
        return False


def _is_public_name(labels: list[str]) -> bool:
    suffixes = {".".join(labels[at:]) for at in range(len(labels))}
    return len(labels) > 1 and labels[-1] not in _INNER_SUFFIXES and not suffixes & _LEADING_INSIDE


def _is_public_ipv4(text: str) -> bool:
    try:
        address = IPv4Address(text)
    except ValueError:
        return False
    return address.is_global and not any(address in network for network in _INNER_IPV4)


def _is_public_ipv6(text: str) -> bool:
    try:
        address = IPv6Address(text)
    except ValueError:
        return False
    if address not in _GLOBAL_IPV6 or (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        return False
    return address.scope_id is None and address.is_global and not any(address in network for network in _INNER_IPV6)
