"""`models`: what can be asked for by name."""

import argparse
import json
from pathlib import Path
from typing import Any

from playground.presets import PRESETS, Preset, is_on_this_machine
from playground.presets.catalog import WheelMember

_COLUMNS = ("NAME", "PARAMETERS", "SIZE", "LICENSE", "HERE", "DESCRIPTION")


def add_parser(commands: Any) -> None:
    """Tell argparse of this command."""
    parser = commands.add_parser("models", help="list the models that have a name")
    parser.set_defaults(run=_models)
    parser.add_argument("--json", action="store_true", help="print one JSON list")


def _models(options: argparse.Namespace) -> int:
    if options.json:
        print(json.dumps([_as_json(preset) for preset in PRESETS.values()]))
        return 0
    rows = [_COLUMNS, *map(_row, PRESETS.values())]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        print("  ".join(cells).rstrip())
    print("\nHERE says whether it is on this machine already.")
    return 0


def _row(preset: Preset) -> tuple[str, ...]:
    return (
        preset.name,
        _count(preset.parameters),
        _size(preset),
        preset.license,
        "yes" if is_on_this_machine(preset) else "no",
        preset.description,
    )


def _count(number: int) -> str:
    if number < 1e8:
        return f"{number / 1e6:.1f} million"
    return f"{number / 1e9:.2f} billion"


def _size(preset: Preset) -> str:
    """Of the download, or where that is not known, of the weights in memory."""
    if isinstance(preset.source, WheelMember):
        return f"{preset.source.package_bytes / 1e6:.0f} MB"
    if isinstance(preset.source, Path):
        return "comes along"
    return f"{2 * preset.parameters / 1e9:.1f} GB in bfloat16"


def _as_json(preset: Preset) -> dict[str, Any]:
    wheel = preset.source if isinstance(preset.source, WheelMember) else None
    return {
        "name": preset.name,
        "description": preset.description,
        "parameters": preset.parameters,
        "license": preset.license,
        "source": wheel.requirement if wheel else str(preset.source),
        "download_bytes": wheel.package_bytes if wheel else None,
        "bfloat16_bytes": 2 * preset.parameters,
        "on_this_machine": is_on_this_machine(preset),
    }
