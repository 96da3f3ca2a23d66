"""Connections whose other end is gone without a word: asleep, or out of reach."""

import socket
from typing import Any

SECONDS_UNTIL_LOST = 30
"""For which nothing that was sent is acknowledged. A heartbeat is sent every 15 s."""


def end_lost_connections(server: Any) -> None:
    """Have a running uvicorn server's connections end when the other end is silent.

    Else TCP sends again for a quarter of an hour, while the model writes for no reader.
    Connections inherit it from the sockets that listen; only Linux has the option.
    """
    if not hasattr(socket, "TCP_USER_TIMEOUT"):
        return
    for listening in (each for one in server.servers for each in one.sockets):
        listening.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * SECONDS_UNTIL_LOST
        )
