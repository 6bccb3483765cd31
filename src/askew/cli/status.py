"""`askew status`: how a project stands, and what to do next."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from askew.cli.init import NEEDS, add_project, several

if TYPE_CHECKING:
    from askew.project.box_review import BoxReview
    from askew.project.status import Status


def add(commands: Any) -> None:
    """Adds the subcommand to the parser."""
    parser = commands.add_parser(
        "status",
        help="say how a project stands and what to do next",
        description="Says what is labelled, by whom, how good the model is, and what to do next.",
    )
    add_project(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(call=call)


def call(arguments: argparse.Namespace) -> int:
    """Prints how the project stands."""
    from askew.cli.extras import need

    need("a project", *NEEDS)
    from askew.project.folder import open_project
    from askew.project.status import status

    project = open_project(arguments.project)
    try:
        project.store.check()
        found = status(project)
    finally:
        project.close()
    print(json.dumps(found.record(), indent=2, ensure_ascii=False) if arguments.json else text(found))
    return 0


def text(found: Status) -> str:
    """Writes how a project stands for a person."""
    n_all = max(1, found.n_items)
    test = f"; {found.n_test:,} of all are kept for the test" if found.reviewed is None or found.n_test else ""
    lines = [
        f"{found.folder}: {several(found.n_items, 'picture')}, {found.n_labeled:,} labelled "
        f"({found.n_labeled / n_all:.1%}){test}",
    ]
    if found.reviewed is None:
        width = max((len(name) for name in found.classes), default=0)
        for name, count in found.classes.items():
            lines.append(f"  {name:<{width}}  {count:>7,}  and {found.test_classes[name]:,} in the test part")
    else:
        lines += _boxes(found.reviewed)
    more = {
        "with boxes": found.boxes if found.reviewed is None else 0,
        "cannot be told": found.cannot_tell,
        "gone": found.n_gone,
        "unreadable": found.n_unreadable,
    }
    lines += [f"  {count:,} {what}" for what, count in more.items() if count]
    lines.append(
        f"questions: {found.open:,} open"
        + (f", {found.skipped:,} of them skipped by somebody" if found.skipped else "")
        + f", in {several(found.n_rounds, 'round')}"
    )
    if found.people:
        lines.append("people: " + ", ".join(f"{who or '(no name)'} {n:,}" for who, n in found.people.items()))
    if found.reviewed is None or found.training is not None:
        lines.append(_model(found))
    lines.append(f"next: {found.next}")
    return "\n".join(lines)


def _boxes(found: BoxReview) -> list[str]:
    """Returns what people made of guessed boxes, a line a kind."""
    said = {"detected": "detected", "suspected": "probably wrong", "missed": "probably missed"}
    boxes, pictures = several(found.boxes, "box", "boxes"), several(found.pictures, "picture")
    lines = [f"  {boxes} in {pictures}, {found.added:,} of them added"]
    for kind, what in said.items():
        one = found.fates[kind]
        if one.n:
            lines.append(f"  {one.n:,} {what}: {one.kept:,} kept, {one.changed:,} changed, {one.out:,} out")
    return lines


def _model(found: Status) -> str:
    one = found.training
    if one is None:
        return "model: none yet"
    known = f"model: of {several(one['n_labeled'], 'label')}"
    if one["accuracy"] is None:
        known += ", accuracy not known: no picture of the test part is labelled"
    else:
        known += f", accuracy {one['accuracy']:.1%} on {several(one['n_test'], 'test picture')}"
        if one["low"] is not None and one["high"] is not None:
            known += f" ({one['low']:.1%} to {one['high']:.1%})"
    return known + (f"; {several(found.new_labels, 'answer')} since" if found.new_labels else "")
