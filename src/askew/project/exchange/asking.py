"""Guesses in, as questions: what a detector found in the project's pictures, for people to accept or to mend."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from askew.project import questions
from askew.project.exchange.boxes import MOST_BOXES, detail_of
from askew.project.exchange.formats import read
from askew.project.exchange.matching import names_of
from askew.project.exchange.places import places_of
from askew.project.exchange.rows import Box
from askew.project.exchange.taking import Rules, Said, Taken, meant, unknown_classes
from askew.project.folder import Project
from askew.project.labels import current
from askew.project.questions import NewQuestion, Round
from askew.project.store import add_class, checked_classes, class_names

LABELED = "have a label already, and are not asked"
FULL = f"have more than {MOST_BOXES} boxes, too many for the page"


@dataclass
class Asked(Taken):
    """What becomes of a file of guesses; `same` counts pictures that are asked about the same boxes already.

    Attributes:
        round: the questions that were made, None where there is nothing new to ask.
        questions: what they ask, in the order of the file.
    """

    round: Round | None = None
    questions: list[NewQuestion] = field(default_factory=list)


def ask_about(
    project: Project, path: Path, *, kind: str | None = None, by_name: bool = False, add_classes: bool = False
) -> Asked:
    """Asks people about the boxes of a file: a round of questions in the order of the file.

    Nothing becomes a label before somebody says so. A picture without a box is asked too: something may be missed in
    it. Pictures that have a label, and those that are asked about the same boxes already, are not asked again.

    Args:
        project: whose pictures they are of.
        path: a file, a folder, or a zip archive of either.
        kind: its format; what is in it tells if left out.
        by_name: let the name of a file alone tell the picture.
        add_classes: add classes that the project does not have.

    Raises:
        InputError: the file cannot be read, or has classes that the project does not have.
    """
    found, content = read(path, kind)
    out = Asked(found, content.left_out)
    places = places_of(project.store)
    names = names_of(places, [str(folder) for folder in project.config.images])
    rules = Rules(only="boxes", guesses=True, empty=True, by_name=by_name)
    said = meant(content, {place.item_id: place for place in places}, names, rules, out)
    _decide(project, said, out)
    known = class_names(project.store)
    new = [name for name in dict.fromkeys(box.class_name for one in said for box in one.row.boxes) if name not in known]
    if new and not add_classes:
        raise unknown_classes(new, known)
    checked_classes(new)
    for name in new:
        add_class(project.store, name)
    if out.questions:
        out.round = questions.put(
            project.store,
            out.questions,
            strategy=questions.IMPORTED + found,
            why=f"The boxes of {path.name} are to be looked at.",
            n_labeled=sum(one.kind == "boxes" for one in current(project.store).values()),
            seed=0,
        )
    return out


def _decide(project: Project, said: Sequence[Said], out: Asked) -> None:
    """Writes to `out` what is to be asked; the rest is told or counted."""
    present = current(project.store)
    asked = {one.item_id: one.detail for one in reversed(questions.open_questions(project.store))}
    seen: set[int] = set()
    for one in said:
        item, detail = one.place.item_id, detail_of(one.row.boxes)
        if one.row.kind != "boxes" or item in present:
            out.tell(LABELED if item in present else "have no boxes in the file", one.row)
        elif len(one.row.boxes) > MOST_BOXES:
            out.tell(FULL, one.row)
        elif item in seen:
            out.tell("are there twice in the file, and asked once", one.row)
        elif asked.get(item) == detail:
            out.same += 1
        else:
            out.questions.append(NewQuestion(item, reason=reason_of(one.row.boxes), detail=detail))
        seen.add(item)


def reason_of(boxes: Sequence[Box]) -> str:
    """Returns in words what is thought of guessed boxes.

    >>> reason_of([Box("car", 0, 0, 1, 1), Box("car", 0, 0, 2, 2, kind="suspected")])
    '2 boxes: 1 probably wrong'
    """
    if not boxes:
        return "no box was found"
    counts = Counter(box.kind for box in boxes)
    words = {"suspected": "probably wrong", "missed": "probably missed by the detector"}
    told = [f"{counts[kind]} {what}" for kind, what in words.items() if counts[kind]]
    return f"{len(boxes)} box{'' if len(boxes) == 1 else 'es'}" + (f": {', '.join(told)}" if told else "")
