"""Which of Gradio's routes are open: those that a browser or a client of the page uses.

Gradio has more: files, proxies, editing by a model, monitoring. A new one that comes
with another version is closed until it stands here.
"""

import re

API = "/gradio_api"
NAME = r"[A-Za-z0-9_.~-]{1,100}"
"""Of a function, a session or an event."""

FILE = r"[A-Za-z0-9_.~/@+-]{1,200}"
"""One that belongs to Gradio itself."""

OPEN: dict[str, tuple[str, ...]] = {
    "HEAD": ("/",),
    "GET": (
        *("/", "/config/?", "/theme\\.css", "/favicon\\.ico", "/robots\\.txt"),
        *("/manifest\\.json", "/pwa_icon(/192|/512)?"),
        *(f"/assets/{FILE}", f"/static/{FILE}", f"/svelte/{FILE}"),
        *(f"{API}/info/?", f"{API}/openapi\\.json", f"{API}/theme\\.css"),
        *(f"{API}/(user|login_check|token|app_id)/?", f"{API}/startup-events"),
        *(f"{API}/heartbeat/{NAME}", f"{API}/queue/data", f"{API}/queue/status"),
        f"{API}/call/(v2/)?{NAME}/{NAME}",
    ),
    "POST": (
        *(f"{API}/queue/join", f"{API}/cancel", f"{API}/reset/?", f"{API}/upload"),
        *(f"{API}/(run|api)/{NAME}/?", f"{API}/call/(v2/)?{NAME}/?"),
    ),
}
"""Regular expressions by method."""

MCP = rf"{API}/mcp(/[A-Za-z0-9_/-]{{0,100}})?"
"""Of any method, where the endpoints are offered as tools."""


def methods_of(path: str, mcp: bool) -> tuple[str, ...]:
    """By which methods a path may be asked for; none: it is closed."""
    if mcp and re.fullmatch(MCP, path):
        return ("GET", "POST", "DELETE", "HEAD", "OPTIONS")
    return tuple(method for method, known in _KNOWN.items() if known.fullmatch(path))


_KNOWN = {method: re.compile("|".join(paths)) for method, paths in OPEN.items()}
