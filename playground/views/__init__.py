"""Numbers for a picture: frozen, checked, and plain enough to print."""

from playground.views.stop_builder import StopView, Tokenisation, stop_view

__all__ = ["StopView", "Tokenisation", "stop_view"]
