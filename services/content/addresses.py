"""Where a material may be: learners' browsers go wherever its address leads. Nothing is fetched from it here.

Browsers read an address by the URL standard (https://url.spec.whatwg.org/#url-parsing), which forgives what RFC 3986
does not: they drop tabs, turn backslashes, and take 127.1, 0x7f000001 and full-width digits for 127.0.0.1. So what
could be read in two ways is refused, and the one reading that is left is judged. A name is judged by itself: what it
resolves to is not known here, and may be another address in a minute.
"""

import re
import unicodedata
from ipaddress import IPv4Address, IPv6Address, ip_network

import idna

from services.kit.web.schemas import is_web_address

NO_WEB_ADDRESS = "must be an http or https address"
CREDENTIALS = "must not contain a user name or a password"
NOT_PUBLIC = "must be at a public host: not a local or private one, and written in the usual way"

_AUTHORITY = re.compile(r"https?://([^/?#]*)", re.IGNORECASE)
_HOST_AND_PORT = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(?::[0-9]{0,5})?")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
# A host whose last label is one of these is an IPv4 address to a browser, or nothing.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_MAXIMUM_NAME = 253

# Where no name of the public name service ends: RFC 6761, RFC 6762 (with its appendix G), RFC 8375, ICANN's reservation
# of .internal, and what clusters use.
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
# Public names that are there to lead to an inner address: to this machine, to one in the name itself, to a cloud's
# metadata. Others can be made; these are in every list of attacks.
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

# Of IANA's registry of special-purpose addresses, what `ipaddress` takes for global in one release or another; and the
# address at which Azure answers its own machines.
_INNER_IPV4 = tuple(map(ip_network, ("168.63.129.16/32", "192.0.0.0/24", "192.88.99.0/24", "224.0.0.0/3")))
# All that is in use lies in 2000::/3 (RFC 4291 section 2.4); within it these lead to an IPv4 address, or nowhere.
_GLOBAL_IPV6 = ip_network("2000::/3")
_INNER_IPV6 = tuple(map(ip_network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
# An interface that carries an IPv4 address, whatever its network (ISATAP, RFC 5214 section 6.1).
_ISATAP = (0x00005EFE, 0x02005EFE)


def flaw(address: str, *, public_only: bool) -> str | None:
    """Why a material cannot be there, or None; with `public_only` its host must be one of the public network."""
    if not is_web_address(address) or any(map(_is_foreign, address)):
        return NO_WEB_ADDRESS
    authority = _authority(address)
    if "@" in authority:
        return CREDENTIALS
    host = _HOST_AND_PORT.fullmatch(authority)
    if host is None or not host[1]:
        return NO_WEB_ADDRESS
    return NOT_PUBLIC if public_only and not _is_public(host[1]) else None


def _is_foreign(character: str) -> bool:
    # Controls, invisible format characters, halves of characters, and white space; browsers drop or turn the rest.
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
    """The name as the name service knows it, without the final dot; empty when it cannot be one."""
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
    ends = {".".join(labels[at:]) for at in range(len(labels))}
    return len(labels) > 1 and labels[-1] not in _INNER_SUFFIXES and not ends & _LEADING_INSIDE


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
