"""`askew init` and `askew add`: a project begins, takes more pictures, and labels that exist already."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from askew.project.config import LearnerSettings
    from askew.project.existing import Told
    from askew.project.folder import Project
    from askew.project.scan import Scan

NEEDS = ("label", "sqlalchemy", "alembic", "PIL", "rich")
"""The extra that brings what a project imports, and those modules."""

SHOWN = 3
"""How many files of a kind are named."""


def add(commands: Any) -> None:
    """Adds the subcommands to the parser."""
    _add_init(commands)
    _add_add(commands)


def _add_init(commands: Any) -> None:
    parser = commands.add_parser(
        "init",
        help="begin a project with your own pictures",
        description="Makes a folder with a configuration, askew.toml, and a store for what people answer, and looks "
        "through the folders of pictures. The pictures stay where they are, and nothing of them is changed.",
    )
    parser.add_argument("project", type=Path, metavar="PROJECT", help="the folder to make; it may exist if it is empty")
    parser.add_argument(
        "--images",
        type=Path,
        action="append",
        required=True,
        metavar="DIR",
        help="a folder of pictures; may be given several times",
    )
    parser.add_argument(
        "--classes",
        metavar="NAME,…",
        help="the classes, in the order of the page's buttons (the names of the class folders, or those in --labels)",
    )
    _add_labels(parser)
    parser.add_argument(
        "--features",
        metavar="SOURCE",
        help="the frozen network that looks at the pictures: efficientnet-lite0, timm:NAME, timm:NAME:WEIGHTS or "
        "simsiam:FILE (DINOv2-small where its weights can be had, else efficientnet-lite0)",
    )
    parser.add_argument("--store", metavar="URL", help="a database of PostgreSQL (a file of SQLite in PROJECT)")
    parser.add_argument(
        "--test-share",
        type=float,
        metavar="SHARE",
        help="the share of the pictures that is kept for measuring accuracy, at most 500 of them (0.1)",
    )
    parser.add_argument(
        "--boxes",
        action="store_true",
        help="ask for the boxes of what is in a picture, and not for its class",
    )
    parser.set_defaults(call=call_init)


def _add_add(commands: Any) -> None:
    parser = commands.add_parser(
        "add",
        help="look through a project's folders again, or through another one",
        description="Finds what is new, moved, there twice, gone or unreadable. A picture that was moved keeps its "
        "labels: it is known by what is in it.",
    )
    add_project(parser)
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        metavar="DIR",
        help="one more folder to look through, once (the folders named in askew.toml)",
    )
    _add_labels(parser)
    parser.set_defaults(call=call_add)


def add_project(parser: argparse.ArgumentParser) -> None:
    """Adds the project that a command is about."""
    parser.add_argument("project", type=Path, metavar="PROJECT", help="the project's folder")


def _add_labels(parser: argparse.ArgumentParser) -> None:
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--labels-from-folders",
        action="store_true",
        help="label each picture in DIR/CLASS/… with that class",
    )
    group.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="take the labels of a .csv or .parquet with the columns file and label",
    )


def call_init(arguments: argparse.Namespace) -> int:
    """Makes the project and says what was found."""
    from askew.cli.extras import need

    need("a project", *NEEDS)
    from askew.files import check_new_folder
    from askew.project import config as configuration
    from askew.project.config import TestSettings
    from askew.project.folder import create

    share = _test_share(arguments)
    check_new_folder(arguments.project)
    folders = _folders(arguments.images)
    told = _told(arguments, folders, _found(folders, arguments.project))
    learner, why = _learner(arguments.features)
    project = create(
        arguments.project,
        images=folders,
        classes=_classes(arguments, told),
        store=arguments.store,
        learner=learner,
        test=TestSettings(share=share),
        task=configuration.BOXES if arguments.boxes else configuration.CLASSES,
    )
    try:
        _say(f"{project.folder}: made; {configuration.FILE} there says what it is")
        _say(f"classes: {_listed(project.config.classes)}")
        _look(project, folders, told if _wants_labels(arguments) else None)
        if told is not None and told.cells and not _wants_labels(arguments):
            _say(
                "the pictures lie in folders of these names; that is not taken for labels: "
                f"askew add {shlex.quote(str(arguments.project))} --labels-from-folders does so"
            )
        _say(f"features: {learner.features}{_side(learner)}: {why}")
        print(f"next: {_next(project, arguments.project)}")
    finally:
        project.close()
    return 0


def _test_share(arguments: argparse.Namespace) -> float:
    """Returns the share of the pictures that measures: none where boxes are asked, which nothing here learns."""
    from askew.errors import InputError
    from askew.project.config import TestSettings, check_share

    if not arguments.boxes:
        share: float = TestSettings.share if arguments.test_share is None else arguments.test_share
        check_share("--test-share", share)
        return share
    if arguments.test_share is not None:
        raise InputError("--test-share: no model learns boxes here, so none is measured: leave it out with --boxes")
    if _wants_labels(arguments):
        raise InputError("--boxes: class folders and tables of classes hold no boxes: askew import takes boxes in")
    return 0.0


def _next(project: Project, name: Path) -> str:
    """Returns what to do after pictures have come in."""
    from askew.project.questions import rounds

    said = shlex.quote(str(name))
    if not project.asks_for_boxes or rounds(project.store):
        return f"askew label {said}"
    return f"askew import {said} FILE --ask, with what a detector found; or askew label {said}, to draw all boxes"


def call_add(arguments: argparse.Namespace) -> int:
    """Looks through the folders again and says what was found."""
    from askew.cli.extras import need

    need("a project", *NEEDS)
    from askew.project.folder import open_project

    project = open_project(arguments.project)
    try:
        project.store.check()
        folders = project.config.images if arguments.folder is None else _folders([arguments.folder])
        told = _told(arguments, folders, _found(folders, project.folder)) if _wants_labels(arguments) else None
        _look(project, folders, told)
        if arguments.folder is not None:
            _say(f"{arguments.folder}: write it to images in askew.toml to have it looked through every time")
        print(f"next: {_next(project, arguments.project)}")
    finally:
        project.close()
    return 0


def _look(project: Project, folders: Sequence[Path], told: Told | None) -> None:
    """Looks through folders, takes the labels that are told, and says what was found."""
    from askew.cli.progress import counting
    from askew.project.existing import take
    from askew.project.scan import scan

    test = project.config.test
    with counting("pictures") as tell:
        found = scan(
            project.store,
            folders,
            test_share=test.share,
            test_most=test.most,
            without=[project.folder],
            progress=tell,
        )
    for line in _lines(found, measures=test.share > 0):
        _say(line)
    if told is None:
        return
    taken = take(project.store, told)
    _say(f"labels of {told.where}: {several(taken.n, 'picture')} labelled")
    for files, what in (
        (taken.unlike, "are said to be of several classes, and got no label"),
        (taken.strangers, "are no pictures of this project"),
    ):
        if files:
            _say(f"  {several(len(files), 'file')} {what}: {_some(files)}")


def _lines(found: Scan, *, measures: bool) -> list[str]:
    """Returns what a scan found, a line a kind; how many measure accuracy, where any do."""
    lines = [f"pictures: {len(found.added):,} new, {found.unchanged:,} known before"]
    pairs: dict[str, Sequence[object]] = {
        "moved: they are the same pictures": [f"{old} -> {new}" for old, new in found.moved],
        "the same as another: one is asked": [f"{new} = {old}" for new, old in found.duplicates],
        "back": found.back,
        "gone: their labels are kept": found.gone,
        "unreadable, left out": [why for _, why in found.unreadable],
    }
    for what, files in pairs.items():
        if files:
            lines.append(f"  {several(len(files), 'file')} {what}: {_some(files)}")
    if found.added and measures:
        lines.append(
            f"  {found.test:,} of the new ones are kept to measure accuracy: no model learns from them; which ones, "
            "their bytes decide"
        )
    return lines


def _some(files: Sequence[object]) -> str:
    from askew.errors import one_line

    shown = ", ".join(one_line(one, 160) for one in files[:SHOWN])
    return shown + (f" and {len(files) - SHOWN:,} more" if len(files) > SHOWN else "")


def _learner(features: str | None) -> tuple[LearnerSettings, str]:
    """Returns what learns, and why that."""
    from askew.project import defaults
    from askew.project.config import LearnerSettings

    if features is None:
        chosen = defaults.choose()
        return chosen.learner, chosen.why
    settings = LearnerSettings(features)
    _check_source(settings)
    return settings, "as you said"


def _check_source(settings: LearnerSettings) -> None:
    """Refuses a network that timm does not know, and a file that is not there."""
    from askew.data.reading import plain_file
    from askew.learn.sources import Source

    source = Source.of(settings.features)
    file = source.weights()
    if file is not None:
        plain_file(file, f"--features: {file}")
    if source.word.startswith("timm:"):
        from askew.learn.pretrained import check

        check(source)


def _side(learner: LearnerSettings) -> str:
    return "" if learner.side_px is None else f" at {learner.side_px} px"


def _folders(folders: Iterable[Path]) -> list[Path]:
    import os

    from askew.data.reading import reading
    from askew.errors import DataNotFound, one_line

    found = []
    for one in folders:
        with reading(one):
            if not os.path.isdir(one.expanduser()):
                raise DataNotFound(f"{one_line(one)}: no such folder")
        found.append(Path(os.path.abspath(one.expanduser())))
    return found


def _found(folders: Sequence[Path], project: Path) -> list[str]:
    from askew.errors import InputError
    from askew.project.scan import listed

    found = listed(folders, [project])
    if not found:
        raise InputError(f"{folders[0]}: has no pictures in it")
    return found


def _wants_labels(arguments: argparse.Namespace) -> bool:
    return arguments.labels_from_folders or arguments.labels is not None


def _told(arguments: argparse.Namespace, folders: Sequence[Path], paths: Sequence[str]) -> Told | None:
    """Returns what the table or the class folders say; None if nothing does."""
    from askew.errors import InputError
    from askew.project.existing import of_folders, of_table

    if arguments.labels is not None:
        return of_table(arguments.labels, folders, paths)
    wants_classes = getattr(arguments, "classes", None) is None
    if not (wants_classes or arguments.labels_from_folders):
        return None
    told = of_folders(folders, paths)
    if not told.cells:
        if arguments.labels_from_folders:
            raise InputError("--labels-from-folders: the pictures do not lie in folders of classes: leave it out")
        raise InputError("--classes: is missing: name the classes, as in --classes heron,gull,tern")
    return told


def _classes(arguments: argparse.Namespace, told: Told | None) -> tuple[str, ...]:
    from askew.errors import InputError

    if arguments.classes is not None:
        names = tuple(name.strip() for name in arguments.classes.split(","))
        strangers = sorted(set(told.cells.values()) - set(names)) if told is not None else []
        if strangers:
            raise InputError(
                f"--classes: {told.where if told else ''} has {several(len(strangers), 'class', 'classes')} more, "
                f"first {strangers[0]!r:.60}: name it too"
            )
        return names
    assert told is not None
    found = told.classes()
    if not found:
        raise InputError(f"{told.where}: names no picture in these folders: name the classes with --classes")
    return found


def _listed(names: Sequence[str]) -> str:
    from askew.errors import one_line

    return one_line(", ".join(names), 300)


def several(n: int, one: str, many: str = "") -> str:
    """Returns how many, in words for a person."""
    return f"1 {one}" if n == 1 else f"{n:,} {many or one + 's'}"


def _say(line: str) -> None:
    print(line, file=sys.stderr)
