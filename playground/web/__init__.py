"""The Gradio page."""

from playground.web.page import build
from playground.web.theme import LAUNCH

__all__ = ["LAUNCH", "build"]
