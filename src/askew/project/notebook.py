"""The few calls that work a project from Python or a notebook and are not one function of another file already."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from askew.errors import InputError
from askew.project import labels, questions
from askew.project.exchange.boxes import answered, boxes_of
from askew.project.folder import Project
from askew.project.items import item
from askew.project.labels import Answer, Label
from askew.project.questions import Question
from askew.project.scan import Scan, scan
from askew.project.store import class_names


def add_pictures(project: Project) -> Scan:
    """Looks through the project's folders, as `askew add` does, and returns what is new, moved, gone or unreadable."""
    test = project.config.test
    folders, without = project.config.images, [project.folder]
    return scan(project.store, folders, test_share=test.share, test_most=test.most, without=without)


def open_questions(project: Project) -> list[Question]:
    """Returns the questions that wait for an answer, in the order in which the page hands them out."""
    return questions.open_questions(project.store)


def picture(project: Project, question: Question) -> Path:
    """Returns the file that a question is about.

    Raises:
        InputError: it was gone when the folders were looked through last.
    """
    path = item(project.store, question.item_id).path
    if path is None:
        raise InputError(f"question {question.id}: the file of its picture is gone")
    return path


def answer(
    project: Project, question: Question, class_name: str | None, *, who: str = "", how: str = "python"
) -> Label:
    """Keeps what somebody says to a question; a later answer to it takes the place of an earlier one.

    Args:
        project: whose question it is.
        question: what was asked.
        class_name: the class; None says that it cannot be told.
        who: the person.
        how: by which way it came.

    Raises:
        InputError: no class of the project.
    """
    kind = "cannot_tell" if class_name is None else "class"
    said = Answer(question.item_id, kind, class_name, who=who, how=how, question_id=question.id)
    return labels.record(project.store, [said])[0]


def answer_boxes(
    project: Project,
    question: Question,
    boxes: Sequence[tuple[str, Sequence[float]]],
    *,
    who: str = "",
    how: str = "python",
) -> Label:
    """Keeps which boxes somebody says are in the picture of a question; none says that nothing is in it.

    Args:
        project: whose question it is.
        question: what was asked.
        boxes: of each its class, and left, top, right and bottom in pixels of the upright picture.
        who: the person.
        how: by which way it came.

    Raises:
        InputError: no class of the project, a box that is empty or reaches out of the picture, or more than 500.
    """
    about = item(project.store, question.item_id)
    listed = [{"class": name, "box": [float(side) for side in sides]} for name, sides in boxes]
    detail = answered(listed, (about.width_px, about.height_px), class_names(project.store))
    said = Answer(question.item_id, "boxes", detail=detail, who=who, how=how, question_id=question.id)
    return labels.record(project.store, [said])[0]


def guessed_boxes(question: Question) -> list[tuple[str, tuple[float, float, float, float], str]]:
    """Returns the boxes that a question guesses: class, sides in pixels, and what is thought of each.

    That is "detected", "suspected" (probably wrong) or "missed" (probably left out by the detector).
    """
    return [(box.class_name, box.sides, box.kind) for box in boxes_of(question.detail)]
