"""The network a caller is counted by: an IPv4 address, or the /64 that one IPv6 subscriber holds."""

from ipaddress import IPv4Address, IPv6Network, ip_address
from typing import Final

_UNKNOWN: Final = "unknown"


def network_of(address: str | None) -> str:
    """Return the network of ``address`` in its one spelling; ``unknown`` for what is no IP address."""
    try:
        found = ip_address((address or "").partition("%")[0])
    except ValueError:
        return _UNKNOWN
    if isinstance(found, IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(IPv6Network((int(found) >> 64 << 64, 64)))
