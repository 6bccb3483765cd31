"""`askew query`, `train`, `predict` and `watch`: what a project asks, learns and says."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from askew.project.folder import Project
    from askew.project.questions import Round
    from askew.project.trainings import Training

NEEDS = ("label", "sqlalchemy", "alembic", "torch", "timm", "PIL", "rich", "safetensors")
"""The extra that brings what a project's learner imports, and those modules."""


def add(commands: Any) -> None:
    """Adds the subcommands to the parser."""
    query = _command(
        commands,
        "query",
        "ask which pictures of a project to label next",
        "Writes a round of questions: at first pictures that cover all others, then what the configured strategy asks "
        "of the newest model. Pictures that are labelled or asked already are left out; a share is test pictures, "
        "drawn at random.",
        _query,
    )
    query.add_argument("-n", type=int, metavar="N", help="how many questions (query.n of askew.toml)")
    query.add_argument("--seed", type=int, metavar="S", help="seed of what is drawn at random (the round's number)")
    train = _command(
        commands,
        "train",
        "train a project's model on the answers so far",
        "Trains a model on the labelled pictures, measures it on the labelled pictures of the test part, which no "
        "model learns from, and keeps it in the project.",
        _train,
    )
    train.add_argument("--seed", type=int, default=0, metavar="S", help="seed of the training (0)")
    for parser in (query, train):
        parser.add_argument("--json", action="store_true", help="print it as JSON; see docs/projects.md")
    predict = _command(
        commands,
        "predict",
        "write what a project says of every picture",
        "Writes a row a picture: path, class, confidence, and whether a person or the model says so.",
        _predict,
    )
    predict.add_argument("--out", type=Path, required=True, metavar="FILE", help="a .csv or .parquet file to write")
    watch = _command(
        commands,
        "watch",
        "train and ask again whenever enough new answers are in",
        "Works until it is stopped with Ctrl-C: trains when retrain_after answers are new, and asks anew, while people "
        "go on. What is killed goes on from the store.",
        _watch,
    )
    watch.add_argument("--poll", type=float, default=0.5, metavar="S", help="seconds between two looks (0.5)")


def _command(commands: Any, name: str, help: str, description: str, call: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=help, description=description)
    parser.add_argument("project", type=Path, metavar="PROJECT", help="the project's folder")
    parser.set_defaults(call=lambda arguments: _opened(arguments, call))
    return parser


def _opened(arguments: argparse.Namespace, call: Any) -> int:
    """Opens the project for a command, and closes it after it."""
    from askew.cli.extras import need

    need("a project", *NEEDS)
    from askew.project.folder import open_project

    project = open_project(arguments.project)
    try:
        call(project, arguments)
    finally:
        project.close()
    return 0


def _query(project: Project, arguments: argparse.Namespace) -> None:
    from askew.cli.progress import counting
    from askew.project.asking import ask_with
    from askew.project.labels import count_since
    from askew.project.learning import look, trained

    with counting("features") as tell:
        view = look(project, tell)
    _tell_lost(view.lost)
    model = trained(project)
    new = count_since(project.store, 0 if model is None else model.training.last_label_id)
    if new:
        print(f"{_several(new, 'answer')} since the last training: askew train takes them in", file=sys.stderr)
    made = ask_with(project, view, model, n=arguments.n, seed=arguments.seed)
    print(json.dumps(vars(made), indent=2) if arguments.json else round_line(made))


def _train(project: Project, arguments: argparse.Namespace) -> None:
    from askew.cli.progress import counting
    from askew.project.learning import check_learns, look, train_on

    check_learns(project)
    with counting("features") as tell:
        view = look(project, tell)
    _tell_lost(view.lost)
    made = train_on(project, view, seed=arguments.seed)
    print(json.dumps(vars(made), indent=2) if arguments.json else training_line(made))


def _predict(project: Project, arguments: argparse.Namespace) -> None:
    from askew.cli.progress import counting
    from askew.project.learning import check_learns, look
    from askew.project.predicting import check_ending, predict_on, write

    check_ending(arguments.out)
    check_learns(project)
    with counting("features") as tell:
        view = look(project, tell)
    _tell_lost(view.lost)
    rows = predict_on(project, view)
    write(rows, arguments.out)
    people = sum(row.source == "person" for row in rows)
    print(f"{arguments.out}: {_several(len(rows), 'picture')}, {people:,} by people", file=sys.stderr)


def _watch(project: Project, arguments: argparse.Namespace) -> None:
    from threading import Event

    from askew.cli.progress import counting
    from askew.errors import InputError
    from askew.project.watch import watch

    if not 0 < arguments.poll < 3600:
        raise InputError(f"--poll: expected seconds above 0 and below 3600, got {arguments.poll:g}")

    with counting("features") as tell:
        watch(project, Event(), told=print_news, progress=tell, poll_s=arguments.poll)


def print_news(news: Training | Round | str) -> None:
    """Prints a line on what `watch` did, or could not do."""
    from askew.project.questions import Round

    line = news if isinstance(news, str) else round_line(news) if isinstance(news, Round) else training_line(news)
    print(line, flush=True)


def round_line(made: Round) -> str:
    """Returns a round in a line: how many questions, by what, and why."""
    balance = "" if made.balance == "none" else f", balance {made.balance}"
    return f"round {made.id}: {_several(made.n, 'question')} by {made.strategy}{balance}. {made.why}"


def training_line(made: Training) -> str:
    """Returns a training in a line: how many labels, the accuracy with its interval, and what is missing."""
    metrics = made.metrics
    if made.n_test:
        ends = f"{100 * metrics['low']:.0f} to {100 * metrics['high']:.0f}"
        measured = f"{100 * metrics['accuracy']:.1f}% ({ends}) of {_several(made.n_test, 'test picture')}"
    else:
        measured = "not measured: no test picture is labelled yet"
    without = metrics["without_labels"]
    missing = f"; never predicted, for want of labels: {', '.join(without)}" if without else ""
    return f"training {made.id}: {_several(made.n_labeled, 'label')}, {measured}{missing}"


def _tell_lost(lost: Mapping[str, str]) -> None:
    from askew.errors import one_line

    if lost:
        path, why = next(iter(lost.items()))
        more = f", and {len(lost) - 1:,} more" if len(lost) > 1 else ""
        said = one_line(f"{path}: {why}" if path not in why else why, 200)
        print(f"{_several(len(lost), 'picture')} left out: {said}{more}", file=sys.stderr)


def _several(n: int, what: str) -> str:
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"
