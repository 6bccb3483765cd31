"""What the model thinks of the pictures when it asks, for Label Studio."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from askew.project.folder import Project
from askew.project.items import Item
from askew.project.label_studio.tasks import Guess
from askew.project.questions import all_questions, rounds


@dataclass(frozen=True)
class Guesses:
    """What a model thinks of items, by their ids, and the training that it came from; None before the first."""

    training_id: int | None = None
    by_item: Mapping[int, Guess] = field(default_factory=dict)

    def of(self, item: Item) -> Guess | None:
        """Returns the guess that an annotator may see: none for test items, whose labels nobody suggests."""
        return None if item.part == "test" else self.by_item.get(item.id)


def guesses_when_asked(project: Project) -> Guesses:
    """Returns what the model thought of each item when it was asked about last; nothing is computed."""
    found: dict[int, Guess] = {}
    for one in reversed(all_questions(project.store)):
        if one.guess is None:
            found.pop(one.item_id, None)
        else:
            found[one.item_id] = Guess(one.guess, one.confidence or 0.0)
    before = rounds(project.store)
    return Guesses(before[-1].training_id if before else None, found)
