"""One writer for all who answer: what waits together is committed together, and told of after the commit only."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from starlette.concurrency import run_in_threadpool

from askew.errors import InputError
from askew.project.items import Item, items_of
from askew.project.labels import Answer, Label, record
from askew.project.questions import Question, give_all
from askew.project.store import Store

T = TypeVar("T")
Value = TypeVar("Value")
Result = TypeVar("Result")
Handed = list[tuple[Question, Item]]

LEASE_SECONDS = 120.0
"""For how long a question is somebody's; the page renews it while it is open."""

ANSWERS, ASKS = 200, 8
"""How many answers, or people who want questions, share a commit at most; so an answer does not wait for many asks."""


class Writer:
    """Lets one write at a time into the store.

    A commit waits for the disk, however little it holds. So answers that come while one is under way go together in the
    next: the more people answer, the larger the commits, and hardly the longer the wait.

    Attributes:
        written: how many writes were done.
    """

    def __init__(self, store: Store, *, overlap: int = 1) -> None:
        self.written = 0
        self._turn = asyncio.Lock()
        self._answers = _Waiting[Answer, Label](ANSWERS, functools.partial(recorded, store))
        self._asks = _Waiting[tuple[str, int], Handed](ASKS, functools.partial(handed_out, store, overlap))

    async def record(self, answer: Answer) -> Label:
        """Records an answer and returns its label once it is safe.

        Raises:
            InputError: the answer cannot be; those that went with it are recorded all the same.
        """
        return await self._together(self._answers, answer)

    async def hand_out(self, who: str, n: int) -> Handed:
        """Returns up to `n` questions that are left to a person now, each with its item.

        Raises:
            InputError: the store cannot be written.
        """
        return await self._together(self._asks, (who, n))

    async def run(self, work: Callable[[], T]) -> T:
        """Does a write, when it is its turn, and returns what it returns."""
        async with self._turn:
            result = await run_in_threadpool(work)
            self.written += 1
            return result

    async def _together(self, waiting: _Waiting[Value, Result], value: Value) -> Result:
        told: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        waiting.entries.append((value, told))
        if waiting.worker is None:
            waiting.worker = asyncio.create_task(self._work(waiting))
        return await told

    async def _work(self, waiting: _Waiting[Value, Result]) -> None:
        while waiting.entries:
            async with self._turn:
                batch, waiting.entries = waiting.entries[: waiting.most], waiting.entries[waiting.most :]
                results = await run_in_threadpool(waiting.many, [value for value, _ in batch])
                self.written += 1
            for (_, told), result in zip(batch, results, strict=True):
                if not told.done():
                    told.set_exception(result) if isinstance(result, Exception) else told.set_result(result)
        waiting.worker = None


@dataclass(eq=False)
class _Waiting(Generic[Value, Result]):
    """What waits for one kind of write, at most so much of it a commit, and the task that is at it."""

    most: int
    many: Callable[[Sequence[Value]], Sequence[Result | Exception]]
    entries: list[tuple[Value, asyncio.Future[Result]]] = field(default_factory=list)
    worker: asyncio.Task[None] | None = None


def recorded(store: Store, answers: Sequence[Answer]) -> list[Label | Exception]:
    """Returns the label of each answer, or why there is none; all in one commit unless one of them cannot be."""
    try:
        return list(record(store, answers))
    except InputError as error:
        if len(answers) == 1:
            return [error]
        return [result for answer in answers for result in recorded(store, [answer])]
    except Exception as error:  # noqa: BLE001  (whatever it is, those who wait are told)
        return [error] * len(answers)


def handed_out(store: Store, overlap: int, asks: Sequence[tuple[str, int]]) -> list[Handed | Exception]:
    """Returns the questions of each person who asks, all in one commit, or what stands in the way."""
    try:
        with store.write(durable=False) as connection:
            given = give_all(connection, asks, overlap=overlap, lease_s=LEASE_SECONDS)
            about = items_of(connection, list({one.item_id for some in given for one in some}))
        return [[(one, about[one.item_id]) for one in some] for some in given]
    except Exception as error:  # noqa: BLE001  (whatever it is, those who wait are told)
        return [error] * len(asks)
