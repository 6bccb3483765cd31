"""An ML backend for Label Studio: it predicts what is asked of it, and hears of every annotation.

The protocol is that of label-studio-ml-backend: `GET /health`, `POST /setup`, `GET /versions`, `POST /predict`, `POST
/webhook`. Answers come at once, since Label Studio waits a second or three; the work is a thread's (see `worker`). No
address that a request holds is opened, and the access token that Label Studio sends along is not looked at.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from askew.project.folder import Project
from askew.project.items import all_items
from askew.project.label_studio.guesses import Guesses
from askew.project.label_studio.tasks import item_hash, order_scores, prediction, version
from askew.project.label_studio.worker import Worker
from askew.project.labels import current
from askew.project.questions import open_questions

MOST_BYTES = 32_000_000
"""Of a request; a thousand tasks with all their annotations are far less."""

ANNOTATED = ("ANNOTATION_CREATED", "ANNOTATIONS_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_DELETED")


def backend(project: Project, worker: Worker) -> Starlette:
    """Returns the application; the worker begins and ends with it."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        worker.start()
        yield
        await run_in_threadpool(worker.stop)

    async def health(_: Request) -> JSONResponse:
        up = worker.works
        return JSONResponse({"status": "UP" if up else "DOWN", "model_class": "askew"}, status_code=200 if up else 503)

    async def setup(request: Request) -> JSONResponse:
        await _body(request)
        return JSONResponse({"model_version": version(worker.guesses.training_id)})

    async def versions(_: Request) -> JSONResponse:
        return JSONResponse({"versions": [version(worker.guesses.training_id)]})

    async def predict(request: Request) -> JSONResponse:
        tasks = (await _body(request)).get("tasks")
        if not isinstance(tasks, list):
            raise HTTPException(400, "tasks: expected a list")
        guesses = worker.guesses
        results = await run_in_threadpool(predictions, project, tasks, guesses)
        return JSONResponse({"results": results, "model_version": version(guesses.training_id)})

    async def webhook(request: Request) -> JSONResponse:
        sent = await _body(request)
        if sent.get("action") == "START_TRAINING":
            worker.train()
        elif sent.get("action") in ANNOTATED:
            worker.look_at(tasks_of(sent))
        return JSONResponse({"heard": True}, status_code=201)

    return Starlette(
        routes=[
            Route("/", health),
            Route("/health", health),
            Route("/setup", setup, methods=["POST"]),
            Route("/versions", versions),
            Route("/predict", predict, methods=["POST"]),
            Route("/webhook", webhook, methods=["POST"]),
        ],
        exception_handlers={HTTPException: _refused},
        lifespan=lifespan,
    )


def predictions(project: Project, tasks: list[Any], guesses: Guesses) -> list[dict[str, Any]]:
    """Returns a prediction for each task, with a score by which Label Studio asks in askew's order.

    A task that askew did not make gets a prediction that says nothing, and is asked last.
    """
    items = {one.hash: one for one in all_items(project.store)}
    about = [items.get(item_hash(one.get("data")) or "") if isinstance(one, Mapping) else None for one in tasks]
    asked = [one.item_id for one in open_questions(project.store)]
    here = {one.id for one in about if one is not None}
    scores = order_scores(here, asked, set(current(project.store)), guesses.by_item)
    model = version(guesses.training_id)
    return [
        prediction([], 1.0, model) if one is None else prediction(guesses.regions(one), scores[one.id], model)
        for one in about
    ]


def tasks_of(sent: Mapping[str, Any]) -> set[int]:
    """Returns the tasks that a webhook is about, by number; none if it does not say."""
    return set(_numbers(sent))


def _numbers(sent: Mapping[str, Any]) -> Iterator[int]:
    for name in ("task", "tasks"):
        for one in _listed(sent.get(name)):
            if isinstance(one, Mapping) and type(one.get("id")) is int:
                yield one["id"]
    for name in ("annotation", "annotations"):
        for one in _listed(sent.get(name)):
            if isinstance(one, Mapping) and type(one.get("task")) is int:
                yield one["task"]


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


async def _body(request: Request) -> dict[str, Any]:
    """Returns the JSON object that a request holds.

    Raises:
        HTTPException: 415 for anything but JSON, which a foreign page could send; 413 and 400 for too much or nonsense.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "expected application/json")
    received = bytearray()
    async for part in request.stream():
        received += part
        if len(received) > MOST_BYTES:
            raise HTTPException(413, f"more than {MOST_BYTES} bytes")
    try:
        found = json.loads(bytes(received))
    except (ValueError, RecursionError):
        raise HTTPException(400, "not JSON") from None
    if not isinstance(found, dict):
        raise HTTPException(400, "expected an object")
    return found


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, status_code=error.status_code)
