"""Annotations of Label Studio and what they say of an item: a class, boxes, "cannot tell", a skip, or nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Literal

from askew.data.reading import decoding
from askew.project.exchange.boxes import detail_of
from askew.project.exchange.rows import Box, Row, Size, in_pixels
from askew.project.label_studio.config import CANNOT_TELL, CONTROL
from askew.project.label_studio.regions import boxes_in, cannot_tell
from askew.project.label_studio.tasks import item_hash
from askew.project.labels import Answer, Label

HOW = "label-studio"
"""How such a label came, as its row says; the beginning of its key too."""

Kind = Literal["class", "boxes", "cannot_tell", "skip", "empty", "odd"]


@dataclass(frozen=True)
class Annotation:
    """One person's answer to one task, as it stood when it was read.

    `hashed` is the content hash of the item; `choice` the class's name, for `kind` "class" alone; `boxes` are in shares
    of the picture, for `kind` "boxes"; of `kind` "odd" is what holds no boxes of one class each; `updated` is the time
    of the last change, UTC ISO; `who` the annotator's email.
    """

    id: int
    project: int
    task: int
    hashed: str
    who: str
    updated: str
    kind: Kind
    choice: str | None = None
    boxes: tuple[Box, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that it names, each once."""
        return tuple(dict.fromkeys([*([self.choice] if self.choice else []), *(one.class_name for one in self.boxes)]))

    @property
    def source(self) -> str:
        """The annotation whatever its state: the beginning of `key`."""
        return f"{HOW}:{self.project}:{self.hashed[:16]}:{self.id}:"

    @property
    def key(self) -> str:
        """The annotation in this state: the same whenever it is read, another one after a change."""
        return self.source + self.updated


def annotations_of(task: Mapping[str, Any], emails: Mapping[int, str], *, boxes: bool = False) -> list[Annotation]:
    """Returns the annotations of a task of Label Studio's API, oldest change first; none if it is no task of askew's.

    An annotator whose email is not known is told by the number: `label-studio-user-7`. With `boxes` they are of a
    project that asks for boxes, where one without any says that there is none.

    Raises:
        InputError: an annotation is none of Label Studio's.
    """
    hashed = item_hash(task.get("data"))
    if hashed is None:
        return []
    with decoding(f"task {task.get('id')}", "a task of Label Studio"):
        found = [_annotation(task, hashed, one, emails, boxes) for one in task.get("annotations") or []]
    return sorted(found, key=lambda a: (a.updated, a.id))


def _annotation(
    task: Mapping[str, Any], hashed: str, one: Mapping[str, Any], emails: Mapping[int, str], boxes: bool
) -> Annotation:
    kind, choice, drawn = _drawn(one) if boxes else (*_said(one), ())
    updated, who = utc(one.get("updated_at") or one.get("created_at")), _who(one.get("completed_by"), emails)
    return Annotation(int(one["id"]), int(task["project"]), int(task["id"]), hashed, who, updated, kind, choice, drawn)


def utc(moment: object) -> str:
    """Returns a time, as text or as a `datetime`, as UTC ISO text with microseconds; "" if there is none.

    >>> utc("2026-11-25T15:00:00.5+01:00"), utc("2026-11-25T14:00:00.500000Z")
    ('2026-11-25T14:00:00.500000Z', '2026-11-25T14:00:00.500000Z')
    """
    if isinstance(moment, str) and moment:
        moment = datetime.fromisoformat(_padded(moment))
    if not isinstance(moment, datetime):
        return ""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return aware.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _padded(moment: str) -> str:
    """Returns a time in the form that Python 3.10 reads: an offset for `Z`, six digits of a second."""
    text = moment.strip().replace("Z", "+00:00")
    clock, dot, rest = text.partition(".")
    if not dot:
        return text
    digits = len(rest) - len(rest.lstrip("0123456789"))
    return f"{clock}.{rest[:digits][:6].ljust(6, '0')}{rest[digits:]}"


def _said(annotation: Mapping[str, Any]) -> tuple[Kind, str | None]:
    if annotation.get("was_cancelled"):
        return "skip", None
    chosen = list(_choices(annotation.get("result") or []))
    if len(chosen) != 1:
        return "empty", None
    if chosen[0] == CANNOT_TELL:
        return "cannot_tell", None
    return "class", chosen[0]


def _drawn(annotation: Mapping[str, Any]) -> tuple[Kind, None, tuple[Box, ...]]:
    result = annotation.get("result") or []
    if annotation.get("was_cancelled"):
        return "skip", None, ()
    if cannot_tell(result):
        return "cannot_tell", None, ()
    found = boxes_in(result)
    return ("odd", None, ()) if found is None else ("boxes", None, found)


def _choices(result: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """Yields what was chosen of the classes; other controls that people added are passed over."""
    for region in result:
        if region.get("from_name") == CONTROL and region.get("type") == "choices":
            yield from (region.get("value") or {}).get("choices") or []


def _who(user: object, emails: Mapping[int, str]) -> str:
    if isinstance(user, Mapping):
        if user.get("email"):
            return str(user["email"])
        user = user.get("id")
    if isinstance(user, int) and user in emails:
        return emails[user]
    return f"label-studio-user-{user}" if user is not None else "label-studio"


@dataclass(frozen=True)
class Taken:
    """What annotations come to in a project.

    Attributes:
        answers: the rows to add, oldest change first.
        skips: questions that a person does not want, as (question, who).
        known: how many annotations say what is in the store already.
        unknown: classes that the project does not have, with how many annotations say so.
        empty: how many annotations choose no class, or several.
        strange: how many are about pictures that the project does not have.
        odd: how many have what is no box of one class; see `regions.boxes_in`.
    """

    answers: tuple[Answer, ...] = ()
    skips: tuple[tuple[int, str], ...] = ()
    known: int = 0
    unknown: Mapping[str, int] = field(default_factory=dict)
    empty: int = 0
    strange: int = 0
    odd: int = 0


def taken(
    found: Sequence[Annotation],
    *,
    items: Mapping[str, int],
    sizes: Mapping[int, Size] | None = None,
    questions: Mapping[int, int],
    classes: Sequence[str],
    rows: Sequence[Label],
) -> Taken:
    """Returns what annotations add to a project: nothing for one that is there in this state, a row for a changed one.

    An annotation that was touched and says what it said adds nothing either. One that was turned into a skip takes its
    label back.

    Args:
        found: the annotations.
        items: the items' ids by their content hashes.
        sizes: (width, height) of the items' pictures in pixels, by id; for boxes.
        questions: the newest question about each item, by the item's id.
        classes: the project's.
        rows: all labels of the project, oldest first.
    """
    last = _last_of_each(rows)
    keys = {row.key for row in rows if row.key}
    answers, skips, unknown, counts = [], [], Counter[str](), Counter[str]()
    for one in sorted(found, key=lambda a: (a.updated, a.id)):
        item, before = items.get(one.hashed), last.get(one.source)
        if item is None:
            counts["strange"] += 1
        elif one.kind == "skip":
            if item in questions:
                skips.append((questions[item], one.who))
            if before is not None and before.kind != "withdrawn" and one.key not in keys:
                answers.append(_answer(one, item, questions, "withdrawn", before.who))
        elif one.kind in ("empty", "odd"):
            counts[one.kind] += 1
        elif strangers := [name for name in one.classes if name not in classes]:
            unknown.update(strangers)
        else:
            new = _answer(one, item, questions, one.kind, one.who, (sizes or {}).get(item, (0, 0)))
            if one.key in keys or (before is not None and _says(before) == _says(new)):
                counts["known"] += 1
            else:
                answers.append(new)
    few = (counts[name] for name in ("empty", "strange", "odd"))
    return Taken(tuple(answers), tuple(skips), counts["known"], dict(unknown), *few)


def deleted(rows: Sequence[Label], tasks: Iterable[Mapping[str, Any]], found: Sequence[Annotation]) -> list[Label]:
    """Returns the labels that stand and came from an annotation that its task does not have any more."""
    there = {one.source for one in found}
    about = {f"{HOW}:{one['project']}:{(item_hash(one.get('data')) or '')[:16]}:" for one in tasks}
    return [
        row
        for source, row in _last_of_each(rows).items()
        if row.kind != "withdrawn" and source not in there and source.startswith(tuple(about))
    ]


def _last_of_each(rows: Iterable[Label]) -> dict[str, Label]:
    """Returns the newest row of each annotation, by `Annotation.source`."""
    return {source_of(row): row for row in rows if row.how == HOW and row.key}


def source_of(row: Label) -> str:
    """Returns the `Annotation.source` of a label's row."""
    return ":".join(str(row.key).split(":", 4)[:4]) + ":"


def _says(row: Label | Answer) -> tuple[str, str | None, str | None]:
    return row.kind, row.class_name, row.detail


def _answer(
    one: Annotation, item: int, questions: Mapping[int, int], kind: str, who: str, size: Size = (0, 0)
) -> Answer:
    pixels = in_pixels(Row(one.hashed, "boxes", boxes=one.boxes, shares=True), size).boxes
    return Answer(
        item,
        kind,
        one.choice if kind == "class" else None,
        detail_of(pixels) if kind == "boxes" else None,
        who=who,
        how=HOW,
        question_id=questions.get(item),
        key=one.key,
        at=one.updated or None,
    )
