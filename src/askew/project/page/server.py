"""The server of the page: a few routes, each a question to the store or an answer into it.

    app = page_app(store, name="birds", door=Door(token))   # an ASGI application for uvicorn

Reading and writing the store and decoding pictures happen in threads, so that nobody waits for another's picture. An
answer is acknowledged when it is on the disk.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import anyio
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from askew.errors import InputError, one_line
from askew.project.exchange.boxes import answered
from askew.project.items import Item, item
from askew.project.labels import Answer, Label, withdraw
from askew.project.page import said
from askew.project.page.glance import Glance
from askew.project.page.guard import Door, Guard
from askew.project.page.pictures import encoded
from askew.project.page.writing import Writer
from askew.project.questions import Question, detail_of, item_of, skip, unskip
from askew.project.store import Store, class_names

FILES = {
    "app.js": "text/javascript",
    "boxes.js": "text/javascript",
    "style.css": "text/css",
    "icon.svg": "image/svg+xml",
}
"""The package's own files, the only ones that are served as they are."""

MOST_QUESTIONS = 100
DECODING = 4
"""Pictures decoded at a time."""


@dataclass(frozen=True, eq=False)
class Page:
    """What the routes work with.

    Attributes:
        store: of the project.
        name: the project's, for people.
        id: what keeps one project from another in a browser.
        learning: tells whether a model is learning beside the page.
        items: what was looked up already, by the item's number.
        classes: those that are known so far.
        asked: the item of each question that was handed out.
    """

    store: Store
    name: str
    id: str
    learning: Callable[[], bool]
    writer: Writer
    glance: Glance
    decoding: anyio.CapacityLimiter
    items: dict[int, Item] = field(default_factory=dict)
    classes: set[str] = field(default_factory=set)
    asked: dict[int, int] = field(default_factory=dict)


def page_app(
    store: Store, *, name: str, door: Door, overlap: int = 1, learning: Callable[[], bool] = lambda: False
) -> ASGIApp:
    """Returns the page of a project as an ASGI application."""
    writer = Writer(store, overlap=overlap)
    page = Page(
        store=store,
        name=name,
        id=hashlib.sha256(door.token.encode()).hexdigest()[:12],
        learning=learning,
        writer=writer,
        glance=Glance(store, lambda: writer.written),
        decoding=anyio.CapacityLimiter(DECODING),
    )
    routes = [
        Route("/", _html),
        Route("/static/{name}", _static),
        Route("/image/{item}", _image),
        Route("/api/state", _state),
        Route("/api/next", _next, methods=["POST"]),
        Route("/api/answer", _answer, methods=["POST"]),
        Route("/api/skip", _skip, methods=["POST"]),
        Route("/api/unskip", _unskip, methods=["POST"]),
        Route("/api/undo", _undo, methods=["POST"]),
    ]
    handlers: Any = {HTTPException: _refused, InputError: _unable, Exception: _failed}
    app = Starlette(routes=routes, exception_handlers=handlers)
    app.state.page = page
    return Guard(app, door)


async def _html(_: Request) -> Response:
    return Response(_file("page.html"), media_type="text/html; charset=utf-8")


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in FILES:
        raise HTTPException(404, "there is no such file")
    return Response(_file(name), media_type=FILES[name], headers={"Cache-Control": "no-cache"})


async def _image(request: Request) -> Response:
    page = _page(request)
    text = request.path_params["item"]
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    wanted = await _item(page, number, anew=True)
    if wanted.path is None:
        raise HTTPException(404, "its file is gone")
    tag = f'"{wanted.hash[:32]}"'
    headers = {"Cache-Control": "private, max-age=86400", "ETag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    try:
        data, kind = await anyio.to_thread.run_sync(encoded, wanted.path, wanted.hash, limiter=page.decoding)
    except InputError as error:
        raise HTTPException(422, str(error)) from error
    return Response(data, media_type=kind, headers=headers)


async def _state(request: Request) -> Response:
    page = _page(request)
    who = request.query_params.get("who", "")
    state = (await page.glance.standing()).told(who)
    return JSONResponse({"id": page.id, "project": page.name, "learning": page.learning(), **state})


async def _next(request: Request) -> Response:
    page, fields = _page(request), await said.said(request)
    who, n = said.person(fields), said.number(fields, "n", MOST_QUESTIONS)
    handed = await page.writer.hand_out(who, n)
    page.asked.update({one.id: about.id for one, about in handed})
    page.items.update({about.id: about for _, about in handed})
    return JSONResponse({"questions": [_told(one, about) for one, about in handed]})


def _told(question: Question, about: Item) -> dict[str, Any]:
    """Returns a question as JSON.

    Where accuracy is measured no guess is shown: it would measure itself. Boxes are shown, since none is measured.
    """
    guessed = about.part != "test"
    return {
        "question": question.id,
        "item": question.item_id,
        "width": about.width_px,
        "height": about.height_px,
        "reason": question.reason,
        "guess": question.guess if guessed else None,
        "confidence": question.confidence if guessed else None,
        "detail": None if question.detail is None else json.loads(question.detail),
    }


async def _answer(request: Request) -> Response:
    page, fields = _page(request), await said.said(request)
    kind = said.one_of(fields, "kind", ("class", "boxes", "cannot_tell"))
    question, number = await _question(page, fields), said.number(fields, "item")
    if page.asked[question] != number:
        raise HTTPException(400, f"item: question {question} is not about item {number}")
    answer = Answer(
        item_id=number,
        kind=kind,
        class_name=await _class(page, fields) if kind == "class" else None,
        detail=await _boxes(page, fields, question, number) if kind == "boxes" else None,
        who=said.person(fields),
        question_id=question,
        key=said.key(fields),
    )
    label = await page.writer.record(answer)
    if (label.who, label.item_id) != (answer.who, answer.item_id):
        raise HTTPException(409, "key: belongs to another answer")
    return JSONResponse({"label": label.id})


async def _skip(request: Request) -> Response:
    return await _passed(request, skip)


async def _unskip(request: Request) -> Response:
    return await _passed(request, unskip)


async def _passed(request: Request, work: Callable[[Store, int, str], None]) -> Response:
    page, fields = _page(request), await said.said(request)
    question, who = await _question(page, fields), said.person(fields)
    await page.writer.run(lambda: work(page.store, question, who))
    return JSONResponse({})


async def _undo(request: Request) -> Response:
    page, fields = _page(request), await said.said(request)
    who, key = said.person(fields), said.key(fields)
    label: Label | None = await page.writer.run(lambda: withdraw(page.store, who, key))
    return JSONResponse({"label": None if label is None else label.id})


async def _class(page: Page, fields: Any) -> str:
    """Returns the name of a class that is there."""
    name = fields.get("class")
    if not isinstance(name, str) or name not in page.classes:
        page.classes.update(await run_in_threadpool(class_names, page.store))
    return said.one_of(fields, "class", tuple(sorted(page.classes)))


async def _boxes(page: Page, fields: Any, question: int, number: int) -> str:
    """Returns boxes as the store keeps them, where boxes are asked for."""
    if await run_in_threadpool(detail_of, page.store, question) is None:
        raise HTTPException(400, f"kind: question {question} asks for a class, not for boxes")
    about = await _item(page, number)
    page.classes.update(await run_in_threadpool(class_names, page.store))
    try:
        return answered(fields.get("boxes"), (about.width_px, about.height_px), sorted(page.classes))
    except InputError as error:
        raise HTTPException(400, one_line(error)) from error


async def _question(page: Page, fields: Any) -> int:
    """Returns the number of a question that is there."""
    question = said.number(fields, "question")
    if question not in page.asked:
        about = await run_in_threadpool(item_of, page.store, question)
        if about is None:
            raise HTTPException(404, f"question: there is no question {question}")
        page.asked[question] = about
    return question


async def _item(page: Page, number: int, *, anew: bool = False) -> Item:
    if anew or number not in page.items:
        try:
            page.items[number] = await run_in_threadpool(item, page.store, number)
        except InputError as error:
            raise HTTPException(404, str(error)) from error
    return page.items[number]


def _page(request: Request) -> Page:
    page: Page = request.app.state.page
    return page


@functools.cache
def _file(name: str) -> bytes:
    return (resources.files("askew.project.page") / name).read_bytes()


async def _refused(_: Request, error: HTTPException) -> Response:
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


async def _unable(_: Request, error: InputError) -> Response:
    """What was asked was sound, so it is the store that cannot: the page keeps the answer and tries again."""
    return JSONResponse({"error": one_line(error)}, 503)


async def _failed(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": f"askew failed: {type(error).__name__}; its terminal says more"}, 500)
