"""The address that counts as one caller.

It is that of the other end of the connection. Behind a trusted proxy it is the last one
in X-Forwarded-For that is no trusted proxy: what the client wrote in front of it does
not count. uvicorn reads it, and its variable FORWARDED_ALLOW_IPS says who is trusted.
"""

import ipaddress
import os
from typing import Any

TRUSTED_ON_A_SPACE = (
    *("127.0.0.0/8", "::1", "fc00::/7", "fe80::/10"),
    *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"),
)
"""A Space is reached through Hugging Face's proxy alone, within a private network."""

ONE_SITE = 64
"""Bits of an IPv6 address that one customer's devices have in common."""


def trust_the_proxy_of_a_space() -> None:
    """On a Space, have visitors' own addresses; what is set already stays."""
    if os.environ.get("SPACE_ID"):
        os.environ.setdefault("FORWARDED_ALLOW_IPS", ",".join(TRUSTED_ON_A_SPACE))


def address_of(request: Any) -> str:
    """The address from which a Gradio request came, "" outside of one."""
    client = getattr(request, "client", None)
    return site_of(client.host) if client else ""


def site_of(host: str) -> str:
    """`host` as one caller: an IPv6 address stands for its network.

    What is no address, as a proxy may write, stays as it is.
    """
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host[:100]
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, ONE_SITE), strict=False))
    return str(address)
