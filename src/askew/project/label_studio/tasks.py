"""Tasks of Label Studio made from the questions of a project: a picture, a first guess, and when it is asked."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from askew.project.label_studio.config import CONTROL, PICTURE

HASH = "askew_item"
"""The field of a task's data that says which picture it is: the SHA-256 of the file, in hex."""

NAME = "askew_file"
"""The field of a task's data with the picture's file name, for people to read."""

MODEL = "askew-"
"""The beginning of the versions of askew's predictions; the training's id follows, 0 before there is one."""


@dataclass(frozen=True)
class Guess:
    """What the model thinks an item is, and its probability of that."""

    class_name: str
    confidence: float


def version(training_id: int | None) -> str:
    """Returns the version of the predictions after a training.

    >>> version(7), version(None)
    ('askew-7', 'askew-0')
    """
    return f"{MODEL}{training_id or 0}"


def order_scores(
    items: Collection[int], asked: Sequence[int], labeled: Collection[int], guesses: Mapping[int, Guess]
) -> dict[int, float]:
    """Returns the score of each item's prediction, by which Label Studio asks: lowest first.

    Label Studio's uncertainty sampling, and its Data Manager ordered by prediction score, take the lowest score first.
    A batch that is chosen as a whole, with its classes in balance, has an order and no such number, so the scores say
    the order: the r-th of R open questions has ½·r/R; another unlabeled item lies above, at ½ + confidence/2 (½ without
    a guess; less than 1); a labeled item has 1. The confidence itself stands in the prediction's region.

    Args:
        items: the ids of the items that get a score.
        asked: the ids of the items of the open questions, first question first.
        labeled: the ids of the items that have a label.
        guesses: the model's guess of items, by id.

    >>> order_scores([1, 2, 3, 4], asked=[3, 1], labeled=[2], guesses={4: Guess("heron", 0.6)})
    {1: 0.25, 2: 1.0, 3: 0.0, 4: 0.8}
    """
    rank = {item: 0.5 * place / len(asked) for place, item in enumerate(asked)}
    scores = {}
    for item in items:
        if item in labeled:
            scores[item] = 1.0
        elif item in rank:
            scores[item] = round(rank[item], 6)
        else:
            confidence = guesses[item].confidence if item in guesses else 0.0
            scores[item] = round(min(0.5 + confidence / 2, 0.999999), 6)
    return scores


def prediction(regions: Sequence[Mapping[str, Any]], score: float, model_version: str) -> dict[str, Any]:
    """Returns a prediction of Label Studio: guesses, drawn in for the annotator, and the score that orders the task.

    Without a guess there is the score alone.
    """
    return {"model_version": model_version, "score": score, "result": [dict(one) for one in regions]}


def chosen(guess: Guess | None) -> list[dict[str, Any]]:
    """Returns the guess of a class as the region of a prediction; none without a guess."""
    if guess is None:
        return []
    sure, value = round(guess.confidence, 6), {"choices": [guess.class_name]}
    return [{"id": "askew", "from_name": CONTROL, "to_name": PICTURE, "type": "choices", "score": sure, "value": value}]


def task(image: str, hashed: str, file_name: str, first_guess: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a task to import: where Label Studio has the picture, which item it is, and the prediction."""
    return {"data": {PICTURE: image, HASH: hashed, NAME: file_name}, "predictions": [dict(first_guess)]}


def item_hash(data: object) -> str | None:
    """Returns the content hash that a task's data names, or None if askew did not make the task."""
    found = data.get(HASH) if isinstance(data, Mapping) else None
    return found if isinstance(found, str) and found else None
