"""The one error of this package."""


class LoadError(Exception):
    """A model could not be loaded. The message says what, where and what to do.

    It is written for the person who asked for the model, and names every fault found.
    """
