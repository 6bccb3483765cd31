"""`askew label`: the page on which people answer, while the model learns beside it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

NEEDS = ("label", "sqlalchemy", "alembic", "starlette", "uvicorn", "PIL")
"""The extra that brings what the page imports, and those modules."""


def add(commands: Any) -> None:
    """Adds the subcommand to the parser."""
    parser = commands.add_parser(
        "label",
        help="open the page on which people answer, while the model learns",
        description="Serves the page of a project on this machine and opens it: one picture after the other, answered "
        "by mouse, touch or keys. Beside it a model learns from the answers and asks anew, as `askew watch` does. "
        "Ctrl-C ends both; every answer that the page showed as given is kept.",
    )
    parser.add_argument("project", type=Path, metavar="PROJECT", help="the folder that `askew init` made")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="where to listen (127.0.0.1: this machine alone); 0.0.0.0 lets phones and others on the network in, who "
        "need the whole address with its token",
    )
    parser.add_argument("--port", type=int, metavar="P", help="the port (8427 or the next free one); 0 is any free one")
    parser.add_argument("--no-browser", action="store_true", help="do not open the browser")
    parser.add_argument("--no-learning", action="store_true", help="serve the page alone; run `askew watch` elsewhere")
    parser.add_argument(
        "--overlap",
        type=int,
        default=1,
        metavar="N",
        help="how many people are asked the same question (1); more show how well they agree",
    )
    parser.set_defaults(call=call)


def call(arguments: argparse.Namespace) -> int:
    """Serves the page until it is told to end."""
    from askew.cli import learn_project
    from askew.cli.extras import need

    need("the page", *NEEDS)
    if not arguments.no_learning:
        need("learning beside the page", *learn_project.NEEDS)
    import contextlib

    from askew.errors import InputError
    from askew.project.folder import open_project
    from askew.project.page.guard import door_for, token_in
    from askew.project.page.server import page_app
    from askew.project.page.serving import addresses, beside, listening, serve

    if arguments.overlap < 1:
        raise InputError(f"--overlap: must be at least 1, got {arguments.overlap}")
    if arguments.port is not None and not 0 <= arguments.port < 2**16:
        raise InputError(f"--port: must be from 0 to 65535, got {arguments.port}")
    project = open_project(arguments.project)
    with contextlib.ExitStack() as at_end:
        at_end.callback(project.close)
        token = token_in(project.folder / "token")
        listener = at_end.enter_context(listening(arguments.host, arguments.port))
        here, network = addresses(listener, token)
        print(f"askew: label {project.folder.name} at\n  {here}", flush=True)
        if network is not None:
            print(
                f"and from other machines on this network at\n  {network}\nWhoever has this address can see the "
                "pictures and answer; it is not encrypted, so use a network that you trust.",
                flush=True,
            )
        learning = no_learning if arguments.no_learning else at_end.enter_context(beside(project.folder, learn))
        app = page_app(
            project.store,
            name=project.folder.name,
            door=door_for(arguments.host, token),
            overlap=arguments.overlap,
            learning=learning,
        )
        if not arguments.no_browser:
            _open(here)
        serve(app, listener)
        print("askew: the page is closed; every answer is kept", flush=True)
    return 0


def no_learning() -> bool:
    """Says that no model learns beside the page."""
    return False


def learn(folder: Path) -> None:
    """Trains and asks anew as answers come in, in the process beside the page."""
    import threading

    from askew.cli.learn_project import print_news
    from askew.project.folder import open_project
    from askew.project.watch import watch

    watch(open_project(folder), threading.Event(), told=print_news)


def _open(url: str) -> None:
    """Opens the browser; a machine without one is left alone."""
    import threading
    import webbrowser

    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
