"""`askew label-studio`: a project's questions to Label Studio, the answers back, and askew as its ML backend."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TOKEN = "LABEL_STUDIO_API_KEY"
"""The environment variable of the token, as Label Studio's own SDK calls it."""

LINK = "LABEL_STUDIO_URL"
"""The environment variable of the address."""

LONGEST_TITLE = 50
"""Characters of a project's title, says Label Studio."""

NEEDS = ("label-studio", "label_studio_sdk", "sqlalchemy", "starlette", "uvicorn")
"""The extra that brings what this imports, and those modules."""


def add(commands: Any) -> None:
    """Adds the subcommands to the parser."""
    parser = commands.add_parser(
        "label-studio",
        help="questions of a project to Label Studio, answers back, and active learning there",
        description="Lets people answer a project's questions in Label Studio. push makes tasks of the open questions; "
        "pull takes the annotations as labels; serve does both as they come, trains, and is Label Studio's ML backend.",
    )
    parser.set_defaults(call=lambda _: _help(parser))
    kinds = parser.add_subparsers(title="commands", dest="kind", metavar="COMMAND")
    pushing = kinds.add_parser(
        "push",
        help="make tasks of the open questions",
        description="Makes a task of each open question in a project of Label Studio, which is made if there is none: "
        "the picture, uploaded, with the model's guess, or the boxes that were found, as a pre-annotation. What "
        "is there already is not made again.",
    )
    pushing.set_defaults(call=push)
    pulling = kinds.add_parser(
        "pull",
        help="take the annotations as labels",
        description="Takes the annotations of the project in Label Studio as labels: each once, a changed one as a new "
        "label, a skip as a skip. The annotator's email says who.",
    )
    pulling.set_defaults(call=pull)
    serving = kinds.add_parser(
        "serve",
        help="be the ML backend: predict, learn while people annotate, push new questions",
        description="Pulls, pushes, and then serves Label Studio as its ML backend: annotations become labels as they "
        "are made, the model is trained and asks again when it is due, and new questions become tasks, in the order in "
        "which askew asks. Ctrl-C ends it.",
    )
    serving.set_defaults(call=serve)
    for one in (pushing, pulling, serving):
        _add_server(one)
    serving.add_argument("--host", default="127.0.0.1", help="the address to listen on (127.0.0.1: this machine alone)")
    serving.add_argument("--port", type=int, default=9090, help="the port to listen on (9090)")
    serving.add_argument(
        "--connect",
        metavar="URL",
        help="connect the project in Label Studio to this backend, which it reaches at URL, such as "
        "http://localhost:9090",
    )


def _add_server(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("project", metavar="PROJECT", type=Path, help="the project's folder, which askew init makes")
    parser.add_argument("--url", metavar="URL", help=f"where Label Studio is; or set {LINK}")
    parser.add_argument(
        "--token",
        metavar="TOKEN",
        help=f"the access token of Label Studio's Account & Settings; better set {TOKEN}, since other people of this "
        "machine can see a command's arguments",
    )
    parser.add_argument("--title", help="of the project in Label Studio (the name of the project's folder)")


def _help(parser: argparse.ArgumentParser) -> int:
    parser.print_help()
    return 0


def push(arguments: argparse.Namespace) -> int:
    """Makes tasks of the open questions."""
    with _opened(arguments) as (project, server, title):
        from askew.cli.progress import counting
        from askew.project.label_studio.push import push as push_questions
        from askew.project.questions import open_questions

        if not open_questions(project.store):
            print(f"no question is open: askew query {project.folder} asks some", file=sys.stderr)
        with counting("pictures to Label Studio") as tell:
            done = push_questions(project, server, title, progress=tell)
        for line in done.lines():
            print(line)
    return 0


def pull(arguments: argparse.Namespace) -> int:
    """Takes the annotations as labels."""
    with _opened(arguments) as (project, server, title):
        from askew.project.label_studio.pull import pull as pull_annotations

        for line in pull_annotations(project, server, title).lines():
            print(line)
    return 0


def serve(arguments: argparse.Namespace) -> int:
    """Serves Label Studio as its ML backend, until it is told to end."""
    with _opened(arguments) as (project, server, title), _listening(arguments.host, arguments.port) as socket:
        import uvicorn

        from askew.project.label_studio.backend import backend
        from askew.project.label_studio.client import checked_url
        from askew.project.label_studio.worker import Worker

        def say(line: str) -> None:
            print(line, file=sys.stderr, flush=True)

        reached_at = None if arguments.connect is None else checked_url(arguments.connect)
        worker = Worker(project, server, title, say=say, reached_at=reached_at)
        say(f"ML backend at http://{arguments.host}:{socket.getsockname()[1]}; Ctrl-C ends it")
        config = uvicorn.Config(backend(project, worker), log_level="warning", access_log=False, lifespan="on")
        uvicorn.Server(config).run(sockets=[socket])
    return 0


@contextmanager
def _opened(arguments: argparse.Namespace) -> Iterator[tuple[Any, Any, str]]:
    """Gives the project, the server of Label Studio and the title of its project there."""
    from askew.cli.extras import need

    need("Label Studio", *NEEDS)
    from askew.errors import InputError
    from askew.project.folder import open_project
    from askew.project.label_studio.client import connected

    url, token = arguments.url or os.environ.get(LINK), arguments.token or os.environ.get(TOKEN)
    for value, option, variable in ((url, "--url", LINK), (token, "--token", TOKEN)):
        if not value:
            raise InputError(f"{option}: is missing; give it, or set {variable}")
    project = open_project(arguments.project)
    try:
        with connected(str(url), str(token)) as server:
            yield project, server, arguments.title or project.folder.name[:LONGEST_TITLE]
    finally:
        project.close()


@contextmanager
def _listening(host: str, port: int) -> Iterator[Any]:
    """Gives a socket that listens, so that a port that is taken is told before anything is begun."""
    import socket

    from askew.errors import InputError

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        made = socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        raise InputError(f"--host and --port: {host} {port}: {getattr(error, 'strerror', None) or error}") from None
    with made:
        yield made
