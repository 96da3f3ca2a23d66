"""All runs of a session: answers, versions of them, and branches.

A run may go on from another one's answer, from its end or from any token of it. Nothing
is ever written over. With the answer A, B regenerated, and C and D as other ends of A:

    prompt ── A  "The sea is wide and blue"
           │  ├── C  "The sea is" + " a mirror"        (3 tokens shared)
           │  └── D  "The sea is" + " salt"            (3 tokens shared)
           └── B  "Far away, the"

A and B are versions of one answer, C and D too.
"""

from dataclasses import dataclass
from typing import Any, Self

from playground.transcript import Transcript, check_schema

SCHEMA = "mistral-playground/tree/1"
MAX_RUNS = 1000


@dataclass(frozen=True, kw_only=True)
class Version:
    """A run, and the one whose first `position` tokens it went on from."""

    number: int
    run: Transcript
    parent: int | None = None
    position: int = 0


class AnswerTree:
    """Grows by runs; `versions[n].number` is n.

    Raises ValueError for a parent that is not there, and when it is full.
    """

    def __init__(self) -> None:
        self.versions: list[Version] = []

    def add(
        self, run: Transcript, parent: int | None = None, position: int = 0
    ) -> Version:
        """Add a run that went on from `position` tokens of `parent`, or from none."""
        if len(self.versions) >= MAX_RUNS:
            raise ValueError(
                f"A session holds {MAX_RUNS:,} runs. Export it and begin another."
            )
        if parent is not None:
            length = len(self.version(parent).run.token_ids)
            if not 0 <= position <= length:
                raise ValueError(
                    f"Run {parent} has {length} tokens to go on from, got {position}."
                )
        version = Version(
            number=len(self.versions), run=run, parent=parent, position=position
        )
        self.versions.append(version)
        return version

    def version(self, number: int) -> Version:
        """The run of this number. Raises ValueError if there is none."""
        if not 0 <= number < len(self.versions):
            raise ValueError(
                f"There are {len(self.versions)} runs, numbered from 0; got {number}."
            )
        return self.versions[number]

    def path(self, number: int) -> list[Version]:
        """From the first answer to this run."""
        path = [self.version(number)]
        while (parent := path[-1].parent) is not None:
            path.append(self.versions[parent])
        return path[::-1]

    def children(self, number: int) -> list[Version]:
        """The runs that went on from this one."""
        return [each for each in self.versions if each.parent == number]

    def versions_of(self, number: int) -> list[Version]:
        """This run and the others that began at the same place, in order."""
        place = _place(self.version(number))
        return [each for each in self.versions if _place(each) == place]

    def to_json(self) -> dict[str, Any]:
        """The tree as plain values."""
        return {
            "schema": SCHEMA,
            "runs": [
                {
                    "parent": each.parent,
                    "position": each.position,
                    **each.run.to_json(),
                }
                for each in self.versions
            ],
        }

    @classmethod
    def from_json(cls, values: Any) -> Self:
        """A tree from `to_json`'s values, which may come from anywhere.

        Raises ValueError that says what is wrong with them.
        """
        check_schema(values, "A tree", SCHEMA)
        runs = values.get("runs")
        if not isinstance(runs, list):
            raise ValueError(f"`runs` must be a list, got {runs!r:.80}.")
        tree = cls()
        for each in runs:
            run = Transcript.from_json(each)
            parent, position = each.get("parent"), each.get("position", 0)
            numbers = (position,) if parent is None else (parent, position)
            if any(type(n) is not int for n in numbers):
                raise ValueError(
                    "`parent` and `position` must be whole numbers, got "
                    f"{parent!r:.40} and {position!r:.40}."
                )
            tree.add(run, parent, position)
        return tree


def _place(version: Version) -> tuple[Any, ...]:
    """Where a run began: behind which prompt, or which tokens of which run."""
    return version.parent, version.position, version.run.prompt_text
