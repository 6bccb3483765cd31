"""What people made of guessed boxes: how many stayed, were moved, were taken out, and what they drew themselves.

So a project says how right a detector was in the pictures that were looked at, and how right what was suspected of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from askew.arrays import Floats
from askew.boxes import iou_matrix
from askew.project import labels
from askew.project.exchange.boxes import boxes_of
from askew.project.exchange.rows import BOX_KINDS, Box
from askew.project.folder import Project
from askew.project.questions import all_questions

NEAR_PX = 1.0
"""A box no side of which lies farther from the guess stayed as it was: tools round, and cut at the picture's edge."""

SAME = 0.5
"""With more overlap (IoU) than this a box of an answer is the guessed one, moved, resized or named anew."""


@dataclass(frozen=True)
class Fate:
    """What became of the guessed boxes of one kind: how many stayed as they were, were changed, or are not there."""

    kept: int = 0
    changed: int = 0
    out: int = 0

    @property
    def n(self) -> int:
        """How many there were."""
        return self.kept + self.changed + self.out


@dataclass(frozen=True)
class BoxReview:
    """What people made of the boxes of the pictures that they answered.

    Attributes:
        pictures: how many.
        boxes: how many boxes stand in the answers.
        added: how many of them nobody had guessed.
        fates: what became of the guesses, by kind: "detected", "suspected" and "missed".
    """

    pictures: int = 0
    boxes: int = 0
    added: int = 0
    fates: Mapping[str, Fate] = field(default_factory=lambda: dict.fromkeys(BOX_KINDS, Fate()))


def reviewed(project: Project) -> BoxReview:
    """Returns what the present answers made of the boxes that their questions guessed."""
    asked = {one.id: one.detail for one in all_questions(project.store)}
    answers = [one for one in labels.current(project.store).values() if one.kind == "boxes"]
    return review(
        (boxes_of(asked.get(one.question_id) if one.question_id is not None else None), boxes_of(one.detail))
        for one in answers
    )


def review(pairs: Iterable[tuple[Sequence[Box], Sequence[Box]]]) -> BoxReview:
    """Returns what answers made of guesses.

    Within a picture a guess and a box of the answer belong together if their IoU is above `SAME`, each to one other at
    most, so that as many as can be stayed as they were and the overlap is greatest. What is left of the answer was
    added.

    Args:
        pairs: of each picture the guessed boxes and those of the answer.

    >>> car, shadow = Box("car", 0, 0, 9, 9), Box("car", 20, 0, 29, 9, kind="suspected")
    >>> said = review([([car, shadow], [car])])
    >>> said.fates["detected"].kept, said.fates["suspected"].out, said.added
    (1, 1, 0)
    """
    pictures = boxes = added = 0
    counts = {kind: [0, 0, 0] for kind in BOX_KINDS}
    for guessed, answer in pairs:
        ways = _ways(guessed, answer)
        for box, way in zip(guessed, ways, strict=True):
            counts[box.kind][way] += 1
        pictures += 1
        boxes += len(answer)
        added += len(answer) - sum(way != OUT for way in ways)
    return BoxReview(pictures, boxes, added, {kind: Fate(*n) for kind, n in counts.items()})


KEPT, CHANGED, OUT = 0, 1, 2


def _ways(guessed: Sequence[Box], answer: Sequence[Box]) -> list[int]:
    """Returns for each guess whether it was kept, changed or is out."""
    first, second = _sides(guessed), _sides(answer)
    named = np.array([[a.class_name == b.class_name for b in answer] for a in guessed], dtype=bool)
    overlap = iou_matrix(first, second)
    near = np.abs(first[:, None] - second[None]).max(axis=2) <= NEAR_PX
    kept = near & named.reshape(near.shape)
    found = kept | (overlap > SAME)
    gain = overlap + np.where(kept, len(guessed) + 1.0, 0.0)  # one that stayed outweighs all overlaps
    rows, columns = linear_sum_assignment(np.where(found, gain, 0.0), maximize=True)
    ways = [OUT] * len(guessed)
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        if found[row, column]:
            ways[row] = KEPT if kept[row, column] else CHANGED
    return ways


def _sides(boxes: Sequence[Box]) -> Floats:
    return np.array([box.sides for box in boxes], dtype=np.float64).reshape(-1, 4)
