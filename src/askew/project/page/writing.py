"""One writer for all who answer: what waits together is committed together, and told of after the commit only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from starlette.concurrency import run_in_threadpool

from askew.errors import InputError
from askew.project.labels import Answer, Label, record
from askew.project.store import Store

T = TypeVar("T")


@dataclass(eq=False)
class _Batch:
    answers: list[Answer] = field(default_factory=list)
    commit: asyncio.Task[list[Label | InputError]] | None = None


class Writer:
    """Lets one write at a time into the store.

    A commit waits for the disk, however little it holds. So answers that come while one is under way go together in the
    next: the more people answer, the larger the commits, and hardly the longer the wait.

    Attributes:
        written: how many writes were done.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._turn = asyncio.Lock()
        self._next = _Batch()
        self.written = 0

    async def record(self, answer: Answer) -> Label:
        """Records an answer and returns its label once it is safe.

        Raises:
            InputError: the answer cannot be; those that went with it are recorded all the same.
        """
        batch, place = self._next, len(self._next.answers)
        batch.answers.append(answer)
        if batch.commit is None:
            batch.commit = asyncio.create_task(self._commit(batch))
        result = (await asyncio.shield(batch.commit))[place]
        if isinstance(result, InputError):
            raise result
        return result

    async def run(self, work: Callable[[], T]) -> T:
        """Does another write, when it is its turn, and returns what it returns."""
        async with self._turn:
            result = await run_in_threadpool(work)
            self.written += 1
            return result

    async def _commit(self, batch: _Batch) -> list[Label | InputError]:
        async with self._turn:
            self._next = _Batch()
            results = await run_in_threadpool(recorded, self._store, batch.answers)
            self.written += 1
            return results


def recorded(store: Store, answers: Sequence[Answer]) -> list[Label | InputError]:
    """Returns the label of each answer, or why there is none; all in one commit unless one of them cannot be."""
    try:
        return list(record(store, answers))
    except InputError as error:
        if len(answers) == 1:
            return [error]
        return [result for answer in answers for result in recorded(store, [answer])]
