"""The Gradio page."""

import os

# Read when Gradio and Matplotlib are first imported.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("MPLBACKEND", "Agg")
try:
    import gradio as _gradio  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "The page needs Gradio: pip install 'mistral-playground[page]'", name=error.name
    ) from error

from playground.web.page import build
from playground.web.theme import LAUNCH

__all__ = ["LAUNCH", "build"]
