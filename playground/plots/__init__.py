"""Pictures of views: Matplotlib only, from `Figure`, never pyplot.

    figure(view, dark=True)                     a Figure, to show or to change
    picture(view, "svg", settings=settings)     the bytes of a file, with alt text

Each file draws one kind of picture and registers its views with `draw`.
"""

import importlib
import pkgutil

from playground.plots.drawing import FileFormat, draw, figure, picture

__all__ = ["FileFormat", "draw", "figure", "picture"]

for _file in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_file.name}")
