"""The few calls that work a project from Python or a notebook and are not one function of another file already."""

from __future__ import annotations

from pathlib import Path

from askew.errors import InputError
from askew.project import labels, questions
from askew.project.folder import Project
from askew.project.items import item
from askew.project.labels import Answer, Label
from askew.project.questions import Question
from askew.project.scan import Scan, scan


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
