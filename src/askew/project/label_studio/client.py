"""What askew asks of a Label Studio server, through label-studio-sdk: projects, uploads, tasks, predictions, people.

Every answer comes back as plain dictionaries and numbers, and every failure as one line that names the server and never
the token.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from askew.errors import InputError, MissingExtra, one_line
from askew.project.label_studio.uploads import Upload

SECONDS = 60.0
"""How long an answer of the server may take."""

PAGE = 200
"""How many tasks come with one answer."""

F = TypeVar("F", bound=Callable[..., Any])

ONCE: Any = {"max_retries": 0}
"""What creates something is sent once: sent again after an error, it might be there twice."""


@dataclass(frozen=True, eq=False)
class Server:
    """A Label Studio server with a person's access: the SDK's client, and the connection under it."""

    url: str
    sdk: Any
    http: Any


@dataclass(frozen=True)
class StudioProject:
    """A project of Label Studio."""

    id: int
    title: str
    config: str
    model_version: str


@contextmanager
def connected(url: str, token: str) -> Iterator[Server]:
    """Gives a server; the connection is closed at the end of the block.

    Args:
        url: where Label Studio is, such as http://localhost:8080; a path before its own is kept.
        token: an access token of either kind: the legacy one, or a personal one.

    Raises:
        InputError: the URL is none of http or https, or the token is none. Whatever asks the server raises it too, in
            one line, if nothing answers there, or the token or what is asked is refused.
        MissingExtra: label-studio-sdk is not installed.
    """
    base = checked_url(url)
    try:
        import httpx
        from label_studio_sdk.client import LabelStudio
    except ImportError as error:
        raise MissingExtra("Label Studio", "label-studio") from error
    if not token.isascii() or not token.isprintable() or " " in token or not token:
        raise InputError("token: holds what no token holds, such as a space: copy it anew from Label Studio")
    with httpx.Client(timeout=SECONDS) as http:
        with _answered(base):
            sdk = LabelStudio(base_url=base, api_key=token, httpx_client=http, timeout=SECONDS)
        yield Server(base, sdk, http)


def checked_url(url: str) -> str:
    """Returns the address of a server without a slash at its end.

    Raises:
        InputError: it is no address of http or https, or it holds a name, a password or a query.
    """
    try:
        parts = urlsplit(url.strip())
        port_fits = parts.port is None or parts.port > 0
    except ValueError:
        raise InputError(f"url: {one_line(url, 60)} is no address; expected such as http://localhost:8080") from None
    if parts.username is not None or parts.password is not None:
        raise InputError("url: holds a name or a password: leave them out, the token is enough")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or not port_fits:
        raise InputError(f"url: {one_line(url, 60)} is no address; expected such as http://localhost:8080")
    return url.strip().rstrip("/")


@contextmanager
def _answered(url: str) -> Iterator[None]:
    """Turns what goes wrong between here and the server into one line; the token is not in it."""
    import httpx
    from label_studio_sdk.core.api_error import ApiError

    try:
        yield
    except ApiError as error:
        raise InputError(f"{url}: {_refusal(error.status_code, error.body)}") from None
    except httpx.TimeoutException:
        raise InputError(f"{url}: no answer within {SECONDS:.0f} seconds") from None
    except httpx.HTTPError as error:
        raise InputError(f"{url}: cannot be reached: {one_line(error, 120)}") from None
    except json.JSONDecodeError:
        raise InputError(f"{url}: the answer is none of Label Studio's: is this its address?") from None


def _asks(function: F) -> F:
    """Makes a function of a server tell in one line what goes wrong on the way."""

    @wraps(function)
    def asking(server: Server, *args: Any, **named: Any) -> Any:
        with _answered(server.url):
            return function(server, *args, **named)

    return cast("F", asking)


def _refusal(status: int | None, body: object) -> str:
    if not isinstance(body, Mapping):
        return f"the answer ({status}) is none of Label Studio's: is this its address?"
    detail = one_line(body.get("validation_errors") or body.get("detail") or body, 200)
    if status == 401:
        return f"the token is refused (401): {detail} A new one stands in Label Studio under Account & Settings"
    return f"{'is not there' if status == 404 else 'refused'} ({status}): {detail}"


@_asks
def find_project(server: Server, title: str) -> StudioProject | None:
    """Returns the project of a title, the oldest if there are several; None if there is none."""
    found = [_plain(one) for one in server.sdk.projects.list()]
    numbers = [int(one["id"]) for one in found if one.get("title") == title]
    return get_project(server, min(numbers)) if numbers else None


@_asks
def get_project(server: Server, project_id: int) -> StudioProject:
    """Returns the project of a number."""
    return _project(server.sdk.projects.get(project_id))


@_asks
def make_project(server: Server, title: str, config: str, description: str) -> StudioProject:
    """Makes a project whose next task is the one with the lowest prediction score, and which shows the first guess."""
    made = server.sdk.projects.create(
        title=title,
        description=description,
        label_config=config,
        sampling="Uncertainty sampling",
        show_collab_predictions=True,
        request_options=ONCE,
    )
    return get_project(server, int(_plain(made)["id"]))


@_asks
def set_config(server: Server, project: StudioProject, config: str) -> None:
    """Gives a project another labelling configuration."""
    server.sdk.projects.update(project.id, label_config=config)


@_asks
def set_model_version(server: Server, project: StudioProject, version: str) -> None:
    """Says which predictions are shown and decide what is asked next."""
    server.sdk.projects.update(project.id, model_version=version)


def tasks(server: Server, project: StudioProject) -> Iterator[dict[str, Any]]:
    """Yields all tasks of a project with their annotations and predictions, as Label Studio's API writes them."""
    with _answered(server.url):
        for one in server.sdk.tasks.list(project=project.id, fields="all", page_size=PAGE):
            found = _plain(one)
            if any("result" not in annotation for annotation in found.get("annotations") or []):
                found = _plain(server.sdk.tasks.get(str(found["id"])))  # the list gave stubs of the annotations
            yield found


@_asks
def task(server: Server, task_id: int) -> dict[str, Any] | None:
    """Returns one task, or None if there is none of that number that this person may see."""
    from label_studio_sdk.core.api_error import ApiError

    try:
        return _plain(server.sdk.tasks.get(str(task_id)))
    except ApiError as error:
        if error.status_code in (403, 404):
            return None
        raise


@_asks
def emails(server: Server) -> dict[int, str]:
    """Returns the email of every person by number."""
    found = [_plain(one) for one in server.sdk.users.list()]
    return {int(one["id"]): str(one["email"]) for one in found if one.get("email")}


@_asks
def uploaded(server: Server, project: StudioProject) -> dict[str, str]:
    """Returns the files uploaded to a project: where a task finds each, by the name that it was uploaded by."""
    found = [_plain(one) for one in server.sdk.files.list(project.id, all_=True)]
    return _places(server, found)


@_asks
def upload(server: Server, project: StudioProject, files: Sequence[Upload]) -> dict[str, str]:
    """Uploads pictures without making tasks of them; returns where a task finds each, by name.

    The SDK has no call for files, so this one goes by its connection, which knows the token.
    """
    from label_studio_sdk.core.api_error import ApiError

    answer = server.sdk._client_wrapper.httpx_client.request(
        f"api/projects/{project.id}/import",
        method="POST",
        params={"commit_to_project": "false"},
        files={one.name: (one.name, one.data) for one in files},
        request_options=ONCE,
    )
    body = answer.json()
    if answer.status_code != 201:
        raise ApiError(status_code=answer.status_code, body=body)
    return _places(server, [_plain(server.sdk.files.get(number)) for number in body["file_upload_ids"]])


@_asks
def import_tasks(server: Server, project: StudioProject, new: Sequence[Mapping[str, Any]]) -> None:
    """Makes tasks of a project, with their predictions."""
    server.sdk.projects.import_tasks(project.id, request=[dict(one) for one in new], request_options=ONCE)


@_asks
def change_prediction(server: Server, prediction_id: int, task_id: int, new: Mapping[str, Any]) -> None:
    """Replaces a prediction."""
    server.sdk.predictions.update(prediction_id, task=task_id, **_fields(new))


@_asks
def add_prediction(server: Server, task_id: int, new: Mapping[str, Any]) -> None:
    """Gives a task one more prediction."""
    server.sdk.predictions.create(task=task_id, request_options=ONCE, **_fields(new))


@_asks
def backends(server: Server, project: StudioProject) -> list[str]:
    """Returns the addresses of the ML backends that a project is connected to."""
    return [str(_plain(one).get("url")) for one in server.sdk.ml.list(project=project.id)]


@_asks
def connect_backend(server: Server, project: StudioProject, url: str, title: str) -> None:
    """Connects a project to an ML backend: Label Studio calls it at once, and tells it of every annotation then."""
    server.sdk.ml.create(project=project.id, url=url, title=title, request_options=ONCE)


def _fields(new: Mapping[str, Any]) -> dict[str, Any]:
    return {name: new[name] for name in ("model_version", "score", "result")}


def _project(value: Any) -> StudioProject:
    found = _plain(value)
    return StudioProject(
        int(found["id"]),
        str(found.get("title") or ""),
        str(found.get("label_config") or ""),
        str(found.get("model_version") or ""),
    )


def _plain(value: Any) -> dict[str, Any]:
    """Returns an answer of the SDK as the JSON that it came from; times are text again."""
    plain: dict[str, Any] = value if isinstance(value, dict) else value.model_dump(mode="json", warnings=False)
    return plain


def _places(server: Server, files: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Returns where a task finds uploaded files, by the names that they were uploaded by.

    Label Studio puts eight digits and a dash before a name: `upload/3/1234abcd-NAME`, which lies below /data, and that
    below the path of its own address.
    """
    path = urlsplit(server.url).path
    names = [str(one["file"]).lstrip("/") for one in files]
    return {name.rsplit("/", 1)[-1].partition("-")[2]: f"{path}/data/{name}" for name in names}
