"""What the model thinks of the pictures, for Label Studio: when it asked, or now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from askew.project.exchange.boxes import boxes_of
from askew.project.exchange.rows import Box
from askew.project.folder import Project
from askew.project.items import Item
from askew.project.label_studio.regions import regions_of
from askew.project.label_studio.tasks import Guess, chosen
from askew.project.questions import all_questions, rounds

if TYPE_CHECKING:
    from askew.learn.extractor import Extractor


@dataclass(frozen=True)
class Guesses:
    """What a model thinks of items, by their ids, and the training that it came from; None before the first.

    `boxes` are those that a detector found, where boxes are asked.
    """

    training_id: int | None = None
    by_item: Mapping[int, Guess] = field(default_factory=dict)
    boxes: Mapping[int, Sequence[Box]] = field(default_factory=dict)

    def of(self, item: Item) -> Guess | None:
        """Returns the guess that an annotator may see: none for test items, whose labels nobody suggests."""
        return None if item.part == "test" else self.by_item.get(item.id)

    def regions(self, item: Item) -> list[dict[str, Any]]:
        """Returns what is drawn in for the annotator: a class or boxes; boxes on all items, since none measures."""
        if item.id in self.boxes:
            return regions_of(self.boxes[item.id], (item.width_px, item.height_px))
        return chosen(self.of(item))


def guesses_when_asked(project: Project) -> Guesses:
    """Returns what the model thought of each item when it was asked about last; nothing is computed.

    Where boxes are asked, those that were found are the guess.
    """
    found: dict[int, Guess] = {}
    if project.asks_for_boxes:
        asked = reversed(all_questions(project.store))
        return Guesses(boxes={one.item_id: boxes_of(one.detail) for one in asked if one.detail is not None})
    for one in reversed(all_questions(project.store)):
        if one.guess is None:
            found.pop(one.item_id, None)
        else:
            found[one.item_id] = Guess(one.guess, one.confidence or 0.0)
    before = rounds(project.store)
    return Guesses(before[-1].training_id if before else None, found)


def guesses_now(project: Project, network: Extractor | None = None) -> Guesses:
    """Returns what the newest model thinks of every item whose picture it can see; none before the first training.

    Args:
        project: whose model and items.
        network: what computes the features of new pictures, if it was loaded before.

    Raises:
        InputError: the model's file is damaged, or no picture can be read.
    """
    import numpy as np

    from askew.project.learning import look, probs_of, there, trained

    model = trained(project)
    if model is None:
        return Guesses()
    view = look(project, network=network)
    rows = np.flatnonzero([there(one) for one in view.items])
    probs = probs_of(model.learner, model.model, view, rows)
    found = {}
    for row, of_classes in zip(rows.tolist(), probs, strict=True):
        best = int(of_classes.argmax())
        found[view.items[row].id] = Guess(view.classes[best], float(of_classes[best]))
    return Guesses(model.training.id, found)
