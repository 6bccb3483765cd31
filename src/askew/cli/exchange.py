"""`askew import` and `askew export`: labels in from other tools' files, and out to them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

NEEDS = ("label", "sqlalchemy", "alembic", "PIL")
"""The extra that brings what a project imports, and those modules."""

LEARNS = ("label", "torch", "timm", "rich", "safetensors")
"""Those that bring what a model predicts with."""

FORMATS = ("csv", "coco", "cvat", "voc", "yolo", "folders")
WRITTEN = ("csv", "coco", "cvat", "voc", "yolo", "fiftyone", "folders")

SHOWN = 3
"""Pictures that a line names."""


def add(commands: Any) -> None:
    """Adds the subcommands to the parser."""
    _add_import(commands)
    _add_export(commands)


def _add_import(commands: Any) -> None:
    parser = commands.add_parser(
        "import",
        help="take labels that exist already into a project",
        description="Adds the labels of a file to a project's pictures: a CSV or Parquet table, COCO, CVAT for "
        "images, Pascal VOC, YOLO, or class folders, also in a zip archive. They are told by hash, by path relative "
        "to its folders, or by file name; what is none of them, or may be several, is told and left out. The same "
        "file twice adds nothing.",
    )
    parser.add_argument("project", type=Path, metavar="PROJECT", help="the folder of the project")
    parser.add_argument("source", type=Path, metavar="SOURCE", help="the file or folder with the labels")
    parser.add_argument("--format", choices=FORMATS, help="what SOURCE is (told by what is in it)")
    parser.add_argument(
        "--who", default="import", metavar="NAME", help="whose labels they are where SOURCE does not say (import)"
    )
    parser.add_argument("--only", choices=("class", "boxes"), help="take the classes of pictures, or boxes, alone")
    parser.add_argument("--add-classes", action="store_true", help="add classes that the project does not have")
    parser.add_argument(
        "--correct",
        action="store_true",
        help="where a picture has another label, add that of SOURCE as a correction",
    )
    parser.add_argument(
        "--guesses", action="store_true", help="take what comes with a confidence for labels too; else it is left out"
    )
    parser.add_argument(
        "--empty-is-labeled",
        action="store_true",
        help="take a picture of which SOURCE says nothing for one that people saw and that has no box",
    )
    parser.add_argument(
        "--by-name", action="store_true", help="tell pictures by file name alone, whatever folders SOURCE names"
    )
    parser.add_argument(
        "--ask",
        action="store_true",
        help="take no label: ask people about the boxes of SOURCE, on the page of askew label; pictures without a box "
        "are asked too",
    )
    parser.set_defaults(call=call_import)


def _add_export(commands: Any) -> None:
    parser = commands.add_parser(
        "export",
        help="write a project's labels, questions or predictions for other tools",
        description="Writes a new file (csv, coco, cvat) or folder (voc, yolo, fiftyone, folders). What the format has "
        "no place for is told and counted. Nothing that is there is written over.",
    )
    parser.add_argument("project", type=Path, metavar="PROJECT", help="the folder of the project")
    parser.add_argument("--to", required=True, choices=WRITTEN, metavar="FORMAT", help=", ".join(WRITTEN))
    parser.add_argument("--out", type=Path, required=True, metavar="PATH", help="the file or folder to write")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--labels", action="store_true", help="the present label of each picture (the default)")
    which.add_argument(
        "--open-questions", action="store_true", help="what is to be labelled next, with what the model guesses"
    )
    which.add_argument(
        "--predictions",
        action="store_true",
        help="labels, and of every other picture what the model predicts, with its confidence",
    )
    parser.add_argument("--only", choices=("class", "boxes"), help="write the classes of pictures, or boxes, alone")
    parser.add_argument(
        "--pictures", choices=("copy", "link"), help="put the pictures into a folder too (links, for folders)"
    )
    parser.set_defaults(call=call_export)


def call_import(arguments: argparse.Namespace) -> int:
    """Takes labels in and says what became of them."""
    from askew.cli.extras import need

    need("a project", *NEEDS)
    from askew.errors import InputError
    from askew.project.exchange.taking import Rules, take
    from askew.project.folder import open_project
    from askew.project.store import checked_text

    if arguments.ask:
        return _ask(arguments)
    rules = Rules(
        who=checked_text("--who", arguments.who),
        only=arguments.only,
        correct=arguments.correct,
        guesses=arguments.guesses,
        empty=arguments.empty_is_labeled,
        by_name=arguments.by_name,
    )
    project = open_project(arguments.project)
    try:
        out = take(project, arguments.source, kind=arguments.format, rules=rules, add_classes=arguments.add_classes)
    finally:
        project.close()
    lines = _told(out)
    if not out.answers and not out.same:
        raise InputError(f"{arguments.source}: no label to take: {'; '.join(lines) or 'it has none'}")
    for line in lines:
        print(line, file=sys.stderr)
    same = f", {out.same:,} there already" if out.same else ""
    print(f"{arguments.source}: {out.format}, {_several(len(out.answers), 'label')} added{same}", file=sys.stderr)
    return 0


def _ask(arguments: argparse.Namespace) -> int:
    """Makes questions of a file's boxes and says what became of them."""
    from askew.errors import InputError
    from askew.project.exchange.asking import ask_about
    from askew.project.folder import open_project

    given = {
        "--who": arguments.who != "import",
        "--only": arguments.only not in (None, "boxes"),
        "--correct": arguments.correct,
        "--guesses": arguments.guesses,
        "--empty-is-labeled": arguments.empty_is_labeled,
    }
    useless = [flag for flag, there in given.items() if there]
    if useless:
        raise InputError(f"{useless[0]} is about labels, and --ask takes none: leave one out")
    project = open_project(arguments.project)
    try:
        out = ask_about(
            project,
            arguments.source,
            kind=arguments.format,
            by_name=arguments.by_name,
            add_classes=arguments.add_classes,
        )
    finally:
        project.close()
    lines = _told(out)
    if out.round is None and not out.same:
        raise InputError(f"{arguments.source}: nothing to ask: {'; '.join(lines) or 'it has no picture'}")
    for line in lines:
        print(line, file=sys.stderr)
    same = f", {out.same:,} asked already" if out.same else ""
    asked = _several(len(out.questions), "question")
    print(f"{arguments.source}: {out.format}, {asked}{same}; next: askew label {arguments.project}", file=sys.stderr)
    return 0


def _told(out: Any) -> list[str]:
    """Returns a line for each reason why pictures are not taken, and for what else is left out."""
    from askew.errors import one_line

    lines = [
        f"{_several(len(names), 'picture')} {_number(why, len(names))}; first {one_line(', '.join(names[:SHOWN]), 200)}"
        for why, names in out.told.items()
    ]
    return lines + _left_out(out.left_out)


def call_export(arguments: argparse.Namespace) -> int:
    """Writes labels or questions and says what was left out."""
    from askew.cli.extras import need

    need("a project", *NEEDS)
    from askew.project.exchange.giving import give, labels_of, only, predictions_of, questions_of
    from askew.project.folder import open_project

    project = open_project(arguments.project)
    try:
        if arguments.predictions:
            content = predictions_of(project, _predicted(project))
        else:
            content = questions_of(project) if arguments.open_questions else labels_of(project)
        content = only(content, arguments.only)
        written = give(project, content, arguments.to, arguments.out, pictures=arguments.pictures)
    finally:
        project.close()
    for line in _left_out(written.left_out):
        print(line, file=sys.stderr)
    print(f"{arguments.out}: {arguments.to}, {_several(len(written.rows), 'picture')}", file=sys.stderr)
    return 0


def _predicted(project: Any) -> Any:
    from askew.cli.extras import need

    need("predictions", *LEARNS)
    from askew.cli.progress import counting
    from askew.project.predicting import predict

    with counting("features") as tell:
        return predict(project, progress=tell)


def _left_out(counts: Any) -> list[str]:
    return [f"left out: {count:,} {what}" for what, count in counts.items()]


def _several(count: int, what: str) -> str:
    return f"1 {what}" if count == 1 else f"{count:,} {what}s"


def _number(why: str, count: int) -> str:
    """Returns a verb's form for one picture.

    >>> _number("have no label", 1), _number("are none", 1), _number("may be", 1)
    ('has no label', 'is none', 'may be')
    """
    if count != 1:
        return why
    verb, _, rest = why.partition(" ")
    return f"{dict(have='has', are='is').get(verb, verb)} {rest}"
