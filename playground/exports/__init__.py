"""A run to take away: file, table, link, code, notebook; and a file's run again.

docs/exports.md describes the forms.
"""

from playground.exports.code import python_code
from playground.exports.files import MAX_BYTES, read_file, to_file
from playground.exports.keras_hub_code import keras_hub_code
from playground.exports.link import MAX_QUERY, Link, from_query, to_query
from playground.exports.notebook import notebook
from playground.exports.replay import Difference, beginning, first_difference, replay
from playground.exports.token_table import to_csv

__all__ = [
    "MAX_BYTES",
    "MAX_QUERY",
    "Difference",
    "Link",
    "beginning",
    "first_difference",
    "from_query",
    "keras_hub_code",
    "notebook",
    "python_code",
    "read_file",
    "replay",
    "to_csv",
    "to_file",
    "to_query",
]
