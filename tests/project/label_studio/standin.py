"""A stand-in for a Label Studio server: the calls that askew makes and people's annotations, in memory, over HTTP.

`test_server.py` runs the same tests against it and, where there is one, against the real server; so what it answers is
what the real one answers.
"""

from __future__ import annotations

import base64
import email
import json
import secrets
import socket
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

TOKEN = "0123456789abcdef0123456789abcdef01234567"
EMAIL = "ann@example.org"


class StandIn:
    """What the server holds; `broken` makes every answer 500."""

    def __init__(self) -> None:
        self.projects: dict[int, dict[str, Any]] = {}
        self.tasks: dict[int, dict[str, Any]] = {}
        self.files: dict[int, dict[str, Any]] = {}
        self.bytes: dict[str, bytes] = {}
        self.backends: list[dict[str, Any]] = []
        self.broken = False
        self.numbers = 0

    def new(self) -> int:
        self.numbers += 1
        return self.numbers

    def app(self) -> Starlette:
        table = {
            ("GET", "/api/projects/"): self.list_projects,
            ("POST", "/api/projects/"): self.make_project,
            ("GET", "/api/projects/{project:int}/"): lambda request, _: self.project(request),
            ("PATCH", "/api/projects/{project:int}/"): self.change_project,
            ("POST", "/api/projects/{project:int}/import"): self.imported,
            ("GET", "/api/projects/{project:int}/file-uploads"): self.list_files,
            ("GET", "/api/import/file-upload/{file:int}"): lambda request, _: self.files[request.path_params["file"]],
            ("GET", "/api/tasks/"): self.list_tasks,
            ("GET", "/api/tasks/{task:int}/"): self.one_task,
            ("POST", "/api/tasks/{task:int}/annotations/"): self.annotate,
            ("PATCH", "/api/annotations/{annotation:int}/"): self.change_annotation,
            ("DELETE", "/api/annotations/{annotation:int}/"): self.delete_annotation,
            ("GET", "/api/users/"): lambda *_: [{"id": 1, "email": EMAIL, "username": "ann"}],
            ("POST", "/api/predictions/"): self.make_prediction,
            ("PATCH", "/api/predictions/{prediction:int}/"): self.change_prediction,
            ("GET", "/api/ml/"): lambda *_: self.backends,
            ("POST", "/api/ml/"): self.connect,
        }
        return Starlette(
            routes=[Route(path, self.answer(call), methods=[method]) for (method, path), call in table.items()]
        )

    def answer(self, call: Any) -> Any:
        async def endpoint(request: Request) -> Response:
            if self.broken:
                return JSONResponse({"detail": "out of order"}, 500)
            if request.headers.get("authorization") != f"Token {TOKEN}":
                return JSONResponse({"status_code": 401, "detail": "Invalid token."}, 401)
            body, kind = await request.body(), request.headers.get("content-type", "")
            try:
                sent = files_of(body, kind) if "multipart" in kind else json.loads(body or b"{}")
                found = await run_in_threadpool(call, request, sent)
            except LookupError:
                return JSONResponse({"status_code": 404, "detail": "No such thing matches the given query."}, 404)
            except ValueError as error:
                return JSONResponse({"status_code": 400, "validation_errors": {"label_config": [str(error)]}}, 400)
            if found is None:
                return Response(status_code=204)
            return JSONResponse(found, 201 if request.method == "POST" else 200)

        return endpoint

    def project(self, request: Request) -> dict[str, Any]:
        return self.projects[request.path_params["project"]]

    def list_projects(self, request: Request, _: Any) -> dict[str, Any]:
        return paged(request, list(reversed(self.projects.values())), "results")

    def make_project(self, _: Request, sent: Any) -> dict[str, Any]:
        ET.fromstring(sent["label_config"])
        number = self.new()
        self.projects[number] = {"model_version": "", "created_at": now(), **sent, "id": number}
        return self.projects[number]

    def change_project(self, request: Request, sent: Any) -> dict[str, Any]:
        self.project(request).update(sent)
        return self.project(request)

    def imported(self, request: Request, sent: Any) -> dict[str, Any]:
        project, files = self.project(request)["id"], []
        if request.query_params.get("commit_to_project") == "false":
            for name, data in sent:
                number, place = self.new(), f"upload/{project}/{secrets.token_hex(4)}-{name}"
                self.files[number] = {"id": number, "file": place, "size": len(data), "project": project}
                self.bytes[f"/data/{place}"] = data
                files.append(number)
            return {"task_count": len(files), "file_upload_ids": files}
        for one in sent:
            number = self.new()
            predictions = [self.prediction(number, project, p) for p in one["predictions"]]
            task = {"id": number, "project": project, "data": one["data"], "annotations": [], "drafts": []}
            self.tasks[number] = {**task, "created_at": now(), "updated_at": now(), "predictions": predictions}
        return {"task_count": len(sent), "file_upload_ids": []}

    def list_files(self, request: Request, _: Any) -> list[dict[str, Any]]:
        assert request.query_params.get("all") == "true"
        return [one for one in self.files.values() if one["project"] == self.project(request)["id"]]

    def list_tasks(self, request: Request, _: Any) -> dict[str, Any]:
        assert request.query_params["fields"] == "all"
        found = [one for one in self.tasks.values() if one["project"] == int(request.query_params["project"])]
        return paged(request, found, "tasks") | {"total_annotations": 0, "total_predictions": 0}

    def one_task(self, request: Request, _: Any) -> dict[str, Any]:
        found = self.tasks[request.path_params["task"]]
        people = [{**one, "completed_by": {"id": 1, "email": EMAIL}} for one in found["annotations"]]
        return {**found, "annotations": people}

    def annotate(self, request: Request, sent: Any) -> dict[str, Any]:
        task = self.tasks[request.path_params["task"]]
        made = {"id": self.new(), "task": task["id"], "project": task["project"], "completed_by": 1}
        made |= {"result": sent["result"], "was_cancelled": bool(sent.get("was_cancelled")), "updated_at": now()}
        task["annotations"].append(made)
        self.tell("ANNOTATION_CREATED", annotation=made, task={"id": task["id"], "data": task["data"]})
        return made

    def annotation(self, request: Request) -> tuple[dict[str, Any], dict[str, Any]]:
        for task in self.tasks.values():
            for one in task["annotations"]:
                if one["id"] == request.path_params["annotation"]:
                    return task, one
        raise LookupError

    def change_annotation(self, request: Request, sent: Any) -> dict[str, Any]:
        task, one = self.annotation(request)
        one.update(sent, updated_at=now())
        self.tell("ANNOTATION_UPDATED", annotation=one, task={"id": task["id"], "data": task["data"]})
        return one

    def delete_annotation(self, request: Request, _: Any) -> None:
        task, one = self.annotation(request)
        task["annotations"].remove(one)
        self.tell("ANNOTATIONS_DELETED", annotations=[{"id": one["id"]}])

    def prediction(self, task: int, project: int, sent: Any) -> dict[str, Any]:
        for region in sent["result"]:
            assert set(region) >= {"from_name", "to_name", "type", "value"}
            config = ET.fromstring(self.projects[project]["label_config"])
            kind, tag = region["type"], {"choices": "Choice", "rectanglelabels": "Label"}[region["type"]]
            assert region["value"][kind][0] in [one.get("value") for one in config.iter(tag)]
            if kind == "rectanglelabels":
                x, y, width, height = (region["value"][name] for name in ("x", "y", "width", "height"))
                assert 0 <= x <= x + width <= 100.000001
                assert 0 <= y <= y + height <= 100.000001
        return {"id": self.new(), "task": task, "project": project, **sent}

    def make_prediction(self, _: Request, sent: Any) -> dict[str, Any]:
        task = self.tasks[sent["task"]]
        task["predictions"].append(self.prediction(task["id"], task["project"], sent))
        return task["predictions"][-1]

    def change_prediction(self, request: Request, sent: Any) -> dict[str, Any]:
        for task in self.tasks.values():
            for one in task["predictions"]:
                if one["id"] == request.path_params["prediction"]:
                    one.update(sent)
                    return one
        raise LookupError

    def connect(self, _: Request, sent: Any) -> dict[str, Any]:
        assert httpx.get(f"{sent['url']}/health", timeout=5).json()["status"] == "UP"
        schema = self.projects[sent["project"]]["label_config"]
        answer = httpx.post(f"{sent['url']}/setup", json={"project": "1.2", "schema": schema, "access_token": TOKEN})
        self.backends.append({"id": self.new(), **sent, "model_version": answer.json()["model_version"]})
        return self.backends[-1]

    def tell(self, action: str, **sent: Any) -> None:
        for one in self.backends:
            httpx.post(f"{one['url']}/webhook", json={"action": action, **sent}, timeout=5)


def files_of(body: bytes, kind: str) -> list[tuple[str, bytes]]:
    """Returns the files of a form, by name."""
    message = email.message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
    parts = message.get_payload()
    assert isinstance(parts, list)
    return [(str(one.get_filename()), bytes(one.get_payload(decode=True))) for one in parts]


def paged(request: Request, found: list[Any], name: str) -> dict[str, Any]:
    """Answers as Label Studio does: a page after the last is 404."""
    page, size = int(request.query_params.get("page", 1)), int(request.query_params.get("page_size", 30))
    part = found[(page - 1) * size : page * size]
    if not part and page > 1:
        raise LookupError
    return {"total": len(found), "count": len(found), "next": None, "previous": None, name: part}


def now() -> str:
    time.sleep(0.001)  # so that no two are the same
    return datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")


@contextmanager
def served(app: Starlette) -> Iterator[str]:
    """Gives the address at which an application is served on this machine while the block runs."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)


def expired_jwt() -> str:
    """A personal access token whose time is over."""
    parts = [{"alg": "HS256", "typ": "JWT"}, {"exp": 1, "token_type": "refresh"}]
    return ".".join([*(base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts), "c2ln"])
