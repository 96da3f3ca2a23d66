"""Trains the small model that ships with the project, and measures it."""

from playground.training.corpus import HELD_OUT, Corpus, fetch_corpus, read_corpus
from playground.training.measuring import measure, write_card
from playground.training.model_card import numbers
from playground.training.recipe import Recipe
from playground.training.run import train

__all__ = [
    "HELD_OUT",
    "Corpus",
    "Recipe",
    "fetch_corpus",
    "measure",
    "numbers",
    "read_corpus",
    "train",
    "write_card",
]
