"""What a browser says, checked before it goes any further: one line for what is wrong, never a surprise later."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request

from askew.errors import one_line

MOST_BYTES = 256 * 1024
"""The longest body that is read."""

LARGEST_ID = 2**31 - 1
LONGEST_NAME = 60

_KEY = re.compile(r"[A-Za-z0-9_-]{8,64}")


async def said(request: Request) -> Mapping[str, Any]:
    """Returns the JSON object that a request brings.

    Raises:
        HTTPException: it is not declared as JSON (415), too long (413), or no JSON object (400).
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "expected a body of application/json")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise HTTPException(413, f"the body is longer than {MOST_BYTES} bytes", {"Connection": "close"})
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f"the body is no JSON: {one_line(error, 100)}") from error
    if not isinstance(found, dict):
        raise HTTPException(400, f"expected a JSON object, got {one_line(repr(found), 60)}")
    return found


def person(fields: Mapping[str, Any]) -> str:
    """Returns who is speaking: 1 to 60 characters that can be shown.

    Raises:
        HTTPException: `who` is something else.
    """
    name = fields.get("who")
    text = name.strip() if isinstance(name, str) else ""
    if not 0 < len(text) <= LONGEST_NAME or not text.isprintable():
        raise _wrong("who", name, f"a name of 1 to {LONGEST_NAME} characters")
    return text


def number(fields: Mapping[str, Any], field: str, most: int = LARGEST_ID) -> int:
    """Returns a whole number from 1 to `most`.

    Raises:
        HTTPException: the field is something else.
    """
    value = fields.get(field)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise _wrong(field, value, f"a whole number from 1 to {most}")
    return value


def key(fields: Mapping[str, Any]) -> str:
    """Returns the key by which an answer that is sent again is known.

    Raises:
        HTTPException: `key` is something else.
    """
    value = fields.get("key")
    if not isinstance(value, str) or not _KEY.fullmatch(value):
        raise _wrong("key", value, "8 to 64 letters, digits, - or _")
    return value


def one_of(fields: Mapping[str, Any], field: str, choices: tuple[str, ...]) -> str:
    """Returns a text that is one of a few.

    Raises:
        HTTPException: the field is something else.
    """
    value = fields.get(field)
    if not isinstance(value, str) or value not in choices:
        shown = ", ".join(choices[:20]) + (", …" if len(choices) > 20 else "")
        raise _wrong(field, value, f"one of {shown}")
    return value


def _wrong(field: str, value: object, expected: str) -> HTTPException:
    return HTTPException(400, f"{field}: {one_line(repr(value), 60)}: expected {expected}")
