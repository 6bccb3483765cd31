"""What people annotated in Label Studio becomes labels of the project, each state of an annotation once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from askew.errors import DataNotFound, one_line
from askew.project.folder import Project
from askew.project.items import all_items
from askew.project.label_studio import client
from askew.project.label_studio.answers import annotations_of, deleted, taken
from askew.project.label_studio.client import Server
from askew.project.labels import Label, history, record
from askew.project.questions import all_questions, skip
from askew.project.store import class_names


@dataclass(frozen=True)
class Pulled:
    """What a pull brought.

    Attributes:
        labels: the rows that were added.
        known: how many annotations say what is in the store already.
        skipped: how many annotations are skips.
        unknown: classes that the project does not have, with how many annotations say so; nothing of these is added.
        empty: how many annotations choose no class, or several.
        strange: how many are about pictures that the project does not have.
        odd: how many have what is no box of one class, such as a turned one.
        deleted: labels that stand, and whose annotation was deleted in Label Studio.
    """

    labels: tuple[Label, ...] = ()
    known: int = 0
    skipped: int = 0
    unknown: Mapping[str, int] = field(default_factory=dict)
    empty: int = 0
    strange: int = 0
    odd: int = 0
    deleted: tuple[Label, ...] = ()

    def lines(self) -> list[str]:
        """Returns what a pull brought, for people: a line on the labels, and one on each thing to look at."""
        lines = [f"labels: {len(self.labels)} new, {self.known} known already; skips: {self.skipped}"]
        if self.unknown:
            names = ", ".join(f"{one_line(name, 40)} ({n})" for name, n in sorted(self.unknown.items()))
            lines.append(f"not taken, no classes of this project: {names}: add them to askew.toml and pull again")
        if self.empty:
            lines.append(f"not taken, no class or several: {self.empty}")
        if self.strange:
            lines.append(f"not taken, about pictures that this project does not have: {self.strange}")
        if self.odd:
            lines.append(f"not taken, with a box that is turned, outside, or not of one class: {self.odd}")
        if self.deleted:
            shown = ", ".join(f"item {one.item_id} by {one.who}" for one in self.deleted[:5])
            lines.append(f"deleted in Label Studio, and still labels here: {len(self.deleted)} ({shown})")
        return lines


def pull(project: Project, server: Server, title: str) -> Pulled:
    """Takes all annotations of the project of a title in Label Studio into the store; twice adds nothing.

    Raises:
        DataNotFound: there is no project of that title.
        InputError: the server refuses or cannot be reached.
    """
    there = client.find_project(server, title)
    if there is None:
        raise DataNotFound(f"{server.url}: has no project {title!r}: askew label-studio push makes it")
    return take(project, list(client.tasks(server, there)), client.emails(server))


def take(project: Project, tasks: Sequence[Mapping[str, Any]], emails: Mapping[int, str]) -> Pulled:
    """Takes the annotations of tasks, as Label Studio's API writes them, into the store.

    Args:
        project: whose labels they become.
        tasks: each with all its annotations.
        emails: of the annotators by number.
    """
    store, boxes = project.store, project.asks_for_boxes
    found = [annotation for one in tasks for annotation in annotations_of(one, emails, boxes=boxes)]
    newest = {one.item_id: one.id for one in reversed(all_questions(store))}
    rows = history(store)
    pictures = all_items(store)
    items = {one.hash: one.id for one in pictures}
    sizes = {one.id: (one.width_px, one.height_px) for one in pictures}
    new = taken(found, items=items, sizes=sizes, questions=newest, classes=class_names(store), rows=rows)
    added = record(store, new.answers)
    for question, who in new.skips:
        skip(store, question, who)
    gone = tuple(deleted(rows, tasks, found))
    return Pulled(tuple(added), new.known, len(new.skips), new.unknown, new.empty, new.strange, new.odd, gone)
