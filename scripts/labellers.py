"""People who answer at the page of `askew label`, played by a script through the page's own interface.

    python scripts/labellers.py 'http://127.0.0.1:8427/?token=…' --class heron -n 20

Each of them asks for questions, answers with a key, and sends an answer again until it is acknowledged, as the page's
own script does. For tests, benchmarks and trials: it answers, it does not look.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

Truth = Callable[[dict[str, Any]], str]
"""Names the class of a question's item."""

PATIENCE_S = 60.0
"""For how long a lost connection is tried again."""


@dataclass(frozen=True)
class Given:
    """An answer that was acknowledged: its key, question, item and label, and how long it took in seconds."""

    who: str
    key: str
    question: int
    item: int
    label: int
    seconds: float


class Line:
    """A connection to the page that is kept open, and opened again if it is lost."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._token = parse_qs(parts.query)["token"][0]
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, path: str, body: dict[str, Any] | None = None) -> tuple[int, bytes]:
        """Sends a request, once, and returns the status and the body of the reply.

        Raises:
            OSError, EOFError: the connection was lost; what was sent may have arrived.
        """
        try:
            return await self._ask(path, body)
        except BaseException:
            self.close()
            raise

    async def patiently(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Returns the JSON that answers a request, which is sent again until it is answered.

        Raises:
            RuntimeError: the page refuses it.
        """
        end = time.monotonic() + PATIENCE_S
        while True:
            with contextlib.suppress(OSError, EOFError):
                status, data = await self.ask(path, body)
                if status == 200:
                    return json.loads(data)
                if status < 500:
                    raise RuntimeError(f"{path}: {status} {data.decode()}")
            if time.monotonic() > end:
                raise RuntimeError(f"{path}: no answer in {PATIENCE_S:g} s")
            await asyncio.sleep(0.05)

    def close(self) -> None:
        """Closes the connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def _ask(self, path: str, body: dict[str, Any] | None) -> tuple[int, bytes]:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        data = b"" if body is None else json.dumps(body).encode()
        writer.write(
            f"{'GET' if body is None else 'POST'} {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n"
            f"Authorization: Bearer {self._token}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(data)}\r\n\r\n".encode()
            + data
        )
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
        length = next(int(line.split(":")[1]) for line in head if line.startswith("content-length:"))
        return int(head[0].split()[1]), await reader.readexactly(length)


async def labeller(
    url: str, who: str, n: int, truth: Truth, *, pause_s: float = 0.0, looks: bool = False, told: list[Given]
) -> None:
    """Answers up to `n` questions, one after the other, and adds to `told` what was acknowledged.

    Args:
        pause_s: how long each picture is thought about.
        looks: fetch the pictures too.
    """
    line, queue, done = Line(url), [], set()
    given = 0
    while given < n:
        if not queue:
            found = (await line.patiently("/api/next", {"who": who, "n": min(6, n - given)}))["questions"]
            queue = [one for one in found if one["question"] not in done]
            if not queue:
                break
        one = queue.pop(0)
        if looks:
            await line.ask(f"/image/{one['item']}")
        if pause_s:
            await asyncio.sleep(pause_s)
        body = {"who": who, "question": one["question"], "item": one["item"], "key": secrets.token_hex(16)}
        begun = time.perf_counter()
        reply = await line.patiently("/api/answer", body | {"kind": "class", "class": truth(one)})
        seconds = time.perf_counter() - begun
        told.append(Given(who, body["key"], one["question"], one["item"], reply["label"], seconds))
        done.add(one["question"])
        given += 1
    line.close()


async def all_at_once(
    url: str, people: Sequence[str], n: int, truth: Truth, *, pause_s: float = 0.0, looks: bool = False
) -> list[Given]:
    """Lets several people answer `n` questions each at the same time, and returns what was acknowledged."""
    told: list[Given] = []
    await asyncio.gather(*(labeller(url, who, n, truth, pause_s=pause_s, looks=looks, told=told) for who in people))
    return told


def main() -> None:
    """Answers with one class."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="what `askew label` printed")
    parser.add_argument("--class", dest="name", required=True, help="the answer to every question")
    parser.add_argument("-n", type=int, default=20, help="questions of each (20)")
    parser.add_argument("--people", type=int, default=1, help="how many answer at once (1)")
    chosen = parser.parse_args()
    people = [f"script {i + 1}" for i in range(chosen.people)]
    told = asyncio.run(all_at_once(chosen.url, people, chosen.n, lambda _: chosen.name))
    print(f"{len(told)} answers")


if __name__ == "__main__":
    main()
