"""The open questions of a project become tasks of Label Studio, each once, with the model's present guess."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from askew.errors import InputError, one_line
from askew.project.folder import Project
from askew.project.items import Item, all_items
from askew.project.label_studio import client
from askew.project.label_studio.client import Server, StudioProject
from askew.project.label_studio.config import labelling_config, with_classes
from askew.project.label_studio.guesses import Guesses, guesses_when_asked
from askew.project.label_studio.tasks import MODEL, item_hash, order_scores, prediction, task, version
from askew.project.label_studio.uploads import Upload, upload_of
from askew.project.labels import current
from askew.project.questions import open_questions
from askew.project.store import class_names

BATCH_FILES, BATCH_BYTES = 50, 64_000_000
"""So many pictures, and so many bytes unless one alone has more, go to Label Studio at a time."""

Tell = Callable[[int, int], None]


def quiet(done: int, total: int) -> None:
    """Tells nobody."""


@dataclass(frozen=True)
class Pushed:
    """What a push did.

    Attributes:
        project: of Label Studio.
        made: whether it was made for this.
        new: tasks made.
        told_anew: tasks whose guess or place in the order was changed.
        as_before: tasks of open questions that are as they were.
        left_out: questions whose picture cannot be given, with why.
    """

    project: StudioProject
    made: bool
    new: int
    told_anew: int
    as_before: int
    left_out: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Returns what a push did, for people: a line on the tasks, and one on what was left out."""
        there = f"project {self.project.id} ({self.project.title}){', made' if self.made else ''}"
        counts = f"{self.new} new tasks, {self.told_anew} told anew, {self.as_before} as before"
        left_out = f"{len(self.left_out)} questions left out: {'; '.join(self.left_out[:3])}"
        return [f"{there}: {counts}", *([left_out] if self.left_out else [])]


def push(
    project: Project,
    server: Server,
    title: str,
    *,
    guesses: Guesses | None = None,
    progress: Tell = quiet,
) -> Pushed:
    """Brings the open questions to the project of a title in Label Studio, which is made if there is none.

    A picture that has a task there gets no second one: tasks are known by the content of their pictures. The tasks that
    are there get the present guess and place in the order. A push that was interrupted is completed by the next one.

    Args:
        project: whose questions.
        server: where Label Studio is.
        title: of Label Studio's project.
        guesses: what the model thinks now; what it thought when it asked, if left out.
        progress: told of pictures uploaded, and of all to upload.

    Raises:
        InputError: the server refuses or cannot be reached; a project of that title is there and not askew's.
    """
    store = project.store
    items, asked = all_items(store), [one.item_id for one in open_questions(store)]
    thought = guesses or guesses_when_asked(project)
    there, made = _studio_project(project, server, title)
    existing = _tasks_by_item(server, there, items)
    labeled = set(current(store))
    shown = set(existing) | set(asked)
    scores = order_scores(shown, asked, labeled, thought.by_item)
    model = version(thought.training_id)
    wanted = {one.id: prediction(thought.regions(one), scores[one.id], model) for one in items if one.id in shown}
    changed = {number for number, found in existing.items() if _told(server, found, wanted[number])}
    new = [one for one in items if one.id in set(asked) - set(existing)]
    made_tasks, left_out = _make_tasks(server, there, new, wanted, progress)
    if there.model_version != model:
        client.set_model_version(server, there, model)
    as_before = len([number for number in asked if number in existing and number not in changed])
    return Pushed(there, made, made_tasks, len(changed), as_before, tuple(left_out))


def _studio_project(project: Project, server: Server, title: str) -> tuple[StudioProject, bool]:
    """Returns the project of a title, with every class to choose from, and whether it was made."""
    classes, boxes = class_names(project.store), project.asks_for_boxes
    found = client.find_project(server, title)
    if found is None:
        said = "What askew asks; lowest prediction score first."
        return client.make_project(server, title, labelling_config(classes, boxes=boxes), said), True
    try:
        config = with_classes(found.config, classes, boxes=boxes)
    except InputError as error:
        raise InputError(f"{server.url}: {title!r}: {error}") from error
    if config != found.config:
        client.set_config(server, found, config)
    return found, False


def _tasks_by_item(server: Server, there: StudioProject, items: Sequence[Item]) -> dict[int, dict[str, Any]]:
    """Returns the task of each item that has one, by the item's id: the oldest if people copied it."""
    ids = {one.hash: one.id for one in items}
    found: dict[int, dict[str, Any]] = {}
    for one in client.tasks(server, there):
        number = ids.get(item_hash(one.get("data")) or "")
        if number is not None and (number not in found or one["id"] < found[number]["id"]):
            found[number] = one
    return found


def _told(server: Server, there: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Gives a task its prediction, and tells whether it had another one; those of other models are left alone."""
    ours = [one for one in there.get("predictions") or [] if str(one.get("model_version")).startswith(MODEL)]
    same = [one for one in ours if one["model_version"] == wanted["model_version"]]
    last = max(same or ours, key=lambda one: int(one["id"]), default=None)
    if last is None:
        client.add_prediction(server, int(there["id"]), wanted)
        return True
    if all(last.get(name) == value for name, value in wanted.items()):
        return False
    client.change_prediction(server, int(last["id"]), int(there["id"]), wanted)
    return True


def _make_tasks(
    server: Server,
    there: StudioProject,
    items: Sequence[Item],
    wanted: Mapping[int, Mapping[str, Any]],
    progress: Tell,
) -> tuple[int, list[str]]:
    """Uploads pictures, batch by batch, and makes their tasks; returns how many, and what was left out, with why."""
    known, count = client.uploaded(server, there) if items else {}, 0
    left_out: list[str] = []
    for batch in _batches(items, known, left_out):
        new = [one for _, one in batch if one.data]
        if new:
            known |= client.upload(server, there, new)
        made = [task(known[one.name], item.hash, _file_name(item), wanted[item.id]) for item, one in batch]
        client.import_tasks(server, there, made)
        count += len(made)
        progress(count + len(left_out), len(items))
    return count, left_out


def _batches(
    items: Sequence[Item], known: Mapping[str, str], left_out: list[str]
) -> Iterator[list[tuple[Item, Upload]]]:
    """Yields items with their files in batches; without bytes where an earlier push uploaded the file already."""
    of_hash = {name.rpartition(".")[0]: name for name in known}
    batch: list[tuple[Item, Upload]] = []
    for one in items:
        try:
            file = Upload(of_hash[one.hash], b"") if one.hash in of_hash else upload_of(_path(one), one.hash)
        except InputError as error:
            left_out.append(one_line(error))
            continue
        if batch and (len(batch) == BATCH_FILES or sum(len(f.data) for _, f in batch) + len(file.data) > BATCH_BYTES):
            yield batch
            batch = []
        batch.append((one, file))
    if batch:
        yield batch


def _path(item: Item) -> Path:
    if item.path is None:
        raise InputError(f"item {item.id}: its file is gone")
    return item.path


def _file_name(item: Item) -> str:
    """Returns the name of an item's file for people; what no text can hold of it is replaced."""
    return "" if item.path is None else item.path.name.encode("utf-8", "replace").decode()
