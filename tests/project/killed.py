"""Writes to a store in processes that are killed at random moments, and looks at what is there after each.

    python killed.py URL FOLDER KILLS SEED

One process answers, one looks through a folder that grows. A process says which answer was acknowledged after `record`
has returned; the one after it begins by sending its last answers again, as a page does that was reloaded. Exits 0 if no
acknowledged label was lost or doubled and the store was sound after every kill.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

import sqlalchemy as sa
from PIL import Image

from askew.project import items, labels, questions, schema
from askew.project.labels import Answer
from askew.project.scan import scan
from askew.project.store import Store

SLOWEST_SECONDS = 0.5


def answer(url: str, begin: int, pipe: int) -> None:
    """Answers for ever, from the answer numbered `begin`; says the number of each that was acknowledged."""
    store = Store.open(url)
    known = items.all_items(store)
    for number in range(begin, sys.maxsize):
        if number % 10 == 0:
            some = {known[(number + i) % len(known)].id for i in range(3)}
            questions.put(store, [questions.NewQuestion(i) for i in some], strategy="x", n_labeled=0, seed=number)
        given = questions.hand_out(store, "ann", 1)
        item, question = (given[0].item_id, given[0].id) if given else (known[number % len(known)].id, None)
        labels.record(store, [said(number, item, question)])
        os.write(pipe, f"{number}\n".encode())
        if number % 7 == 0:
            labels.withdraw(store, "bob")


def said(number: int, item: int, question: int | None) -> Answer:
    """Returns the answer of a number."""
    who = "ann" if number % 2 else "bob"
    return Answer(item, "class", f"c{number % 3}", who=who, key=f"key {number}", question_id=question)


def look(url: str, folder: Path) -> None:
    """Looks through a folder for ever, which gets a picture more each time."""
    store = Store.open(url)
    while True:
        number = len(list(folder.iterdir()))
        for i in range(number, number + 5):
            draft = folder / f".{i}.png"
            Image.new("RGB", (4, 4), (i % 256, i // 256, 7)).save(draft)
            draft.rename(folder / f"{i}.png")
        scan(store, [folder], test_share=0.2)


def started(work: str, *arguments: object) -> int:
    """Returns the number of a new process that does a work."""
    number = os.fork()
    if number == 0:
        try:
            {"answer": answer, "look": look}[work](*arguments)  # type: ignore[operator]
        except BaseException:  # noqa: BLE001  (whatever it is, the process is to be killed and not to end)
            traceback.print_exc()
        os._exit(3)
    return number


def check(url: str, acknowledged: set[int], folder: Path) -> int:
    """Looks at the store after a kill; returns how many labels there are."""
    store = Store.open(url)
    store.check()
    rows = labels.history(store)
    keys = Counter(row.key for row in rows if row.key is not None)
    lost = {f"key {number}" for number in acknowledged} - set(keys)
    assert not lost, f"lost: {sorted(lost)[:5]}"
    assert set(keys.values()) <= {1}, "an answer is there twice"
    newest: dict[tuple[int, str], int] = {}
    for row in rows:
        assert row.replaces == newest.get((row.item_id, row.who)), row
        newest[row.item_id, row.who] = row.id
        if row.key is not None:
            number = int(row.key.split()[1])
            wanted = said(number, row.item_id, row.question_id)
            assert (row.class_name, row.who) == (wanted.class_name, wanted.who)
    standing = Counter(row.item_id for row in rows if newest[row.item_id, row.who] == row.id and row.kind == "class")
    with store.read() as connection:
        counted = connection.execute(sa.select(schema.questions.c.item_id, schema.questions.c.answers)).all()
        sizes = connection.execute(
            sa.select(schema.rounds.c.n, sa.func.count(schema.questions.c.id))
            .join(schema.questions, schema.questions.c.round_id == schema.rounds.c.id)
            .group_by(schema.rounds.c.id)
        ).all()
    assert all(n == standing[item] for item, n in counted)
    assert all(wanted == found for wanted, found in sizes), "half a round"
    for one in items.all_items(store):
        if one.path is not None and folder in one.path.parents:
            assert hashlib.sha256(one.path.read_bytes()).hexdigest() == one.hash
    store.close()
    return len(rows)


def main(url: str, folder: Path, kills: int, seed: int) -> None:
    """Kills as often as asked."""
    draw, acknowledged = random.Random(seed), set[int]()
    in_work = 0
    for _ in range(kills):
        reader, writer = os.pipe()
        begin = max(acknowledged, default=1)
        processes = [started("answer", url, begin, writer), started("look", url, folder)]
        os.close(writer)
        with os.fdopen(reader) as lines:
            first = [lines.readline()]
            time.sleep(draw.uniform(0, SLOWEST_SECONDS))
            for number in draw.sample(processes, 2):
                os.kill(number, signal.SIGKILL)
            for number in processes:
                _, status = os.waitpid(number, 0)
                in_work += os.WIFSIGNALED(status)
            acknowledged |= {int(line) for line in [*first, *lines] if line.endswith("\n")}
        n_rows = check(url, acknowledged, folder)
    assert in_work == 2 * kills, "a process ended by itself"
    print(f"{kills} kills, {len(acknowledged)} acknowledged, {n_rows} rows")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
