"""How fast a project's store answers: many people at once, and a store of a million items.

    python benchmarks/project_store.py [--people 50] [--each 100] [--items 1000000] [--out FILE]

People are threads of one process, as on the page's server, each with a connection of its own. Everyone takes a question
and answers it, again and again, and pauses for a random time of `--pause` seconds at most between. Times are those of
`record`, which returns when the answer is on the disk, and of `hand_out`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import random
import sqlite3
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from askew.project import items, labels, questions, schema
from askew.project.labels import Answer
from askew.project.store import Store, present, sqlite_url

OUT = Path(__file__).parent / "results" / "project_store.json"


def filled(store: Store, n: int) -> None:
    """Adds n items, each in one place."""
    now = present()
    for start in range(1, n + 1, 50_000):
        part = range(start, min(n, start + 49_999) + 1)
        size = {"width_px": 4, "height_px": 3}
        rows = [
            {"hash": hashlib.sha256(str(i).encode()).hexdigest(), "part": "pool", "added": now, **size} for i in part
        ]
        state = {"size": 1, "mtime_ns": 1, "seen": now, "gone": False}
        with store.write() as connection:
            connection.execute(schema.items.insert(), rows)
            connection.execute(
                schema.places.insert(), [{"item_id": i, "path": f"/p/{i:08}.jpg", **state} for i in part]
            )


def ask(store: Store, some: range, n: int = 20) -> None:
    """Puts rounds of n questions about some items."""
    for start in range(some.start, some.stop, n):
        part = range(start, min(some.stop, start + n))
        questions.put(store, [questions.NewQuestion(i) for i in part], strategy="x", n_labeled=0, seed=0)


def crowd(store: Store, people: int, each: int, pause: float) -> dict[str, Any]:
    """Lets people answer at once."""
    times: dict[str, list[float]] = {"record": [], "hand_out": []}
    answered: list[int] = []

    def timed(name: str, work: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        found = work()
        times[name].append(time.perf_counter() - began)
        return found

    def person(number: int) -> None:
        draw, who = random.Random(number), f"person {number}"
        for turn in range(each):
            time.sleep(draw.uniform(0, pause))
            (one,) = timed("hand_out", lambda: questions.hand_out(store, who, 1))
            said = Answer(one.item_id, "class", "a", who=who, key=f"{number} {turn}", question_id=one.id)
            timed("record", lambda said=said: labels.record(store, [said]))
            answered.append(one.item_id)

    began = time.perf_counter()
    threads = [threading.Thread(target=person, args=(number,)) for number in range(people)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    seconds = time.perf_counter() - began
    twice = sum(n > 1 for n in Counter(answered).values())
    assert len(labels.current(store)) == len(set(answered)), "an answer is lost"
    return {
        "people": people,
        "answers_each": each,
        "longest_pause_s": pause,
        "seconds": round(seconds, 2),
        "answers_a_second": round(len(answered) / seconds, 1),
        "items_asked_twice": twice,
        **{f"{name}_ms": quantiles(values) for name, values in times.items()},
    }


def quantiles(seconds: list[float]) -> dict[str, float]:
    """Returns median, p95 and the largest, in milliseconds."""
    values = 1000 * np.array(seconds)
    return {
        "median": round(float(np.median(values)), 2),
        "p95": round(float(np.quantile(values, 0.95)), 2),
        "largest": round(float(values.max()), 2),
    }


def large(folder: Path, n: int) -> dict[str, Any]:
    """Times what the page and the learner do most in a store of n items, a tenth of them labelled, a tenth asked."""
    store = Store.create(sqlite_url(folder / "large.sqlite"), ["a", "b"])
    filled(store, n)
    began = time.perf_counter()
    labels.record(store, [Answer(i, "class", "ab"[i % 2], who=f"p{i % 50}") for i in range(1, n // 10)])
    recording = time.perf_counter() - began
    ask(store, range(1, n // 10 + 1000), n=1000)

    def seconds(work: Callable[[], Any], times: int) -> float:
        taken = []
        for _ in range(times):
            began = time.perf_counter()
            work()
            taken.append(time.perf_counter() - began)
        return float(np.median(taken))

    found = {
        "items": n,
        "labels": n // 10,
        "questions": n // 10 + 1000,
        "record_all_labels_s": round(recording, 2),
        "all_items_s": round(seconds(lambda: items.all_items(store), 3), 2),
        "current_s": round(seconds(lambda: labels.current(store), 3), 2),
        "count_since_ms": round(1000 * seconds(lambda: labels.count_since(store, n // 20), 5), 2),
        "open_questions_ms": round(1000 * seconds(lambda: questions.open_questions(store), 5), 2),
        "hand_out_ms": round(1000 * seconds(lambda: questions.hand_out(store, "ann", 3), 30), 2),
        "record_ms": round(
            1000 * seconds(lambda: labels.record(store, [Answer(n - 1, "class", "a", who="ann")]), 30), 2
        ),
    }
    store.close()
    return found


def main() -> None:
    """Runs both and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--each", type=int, default=100)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    results: dict[str, Any] = {
        "machine": {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "sqlalchemy": metadata.version("sqlalchemy"),
            "sqlite": sqlite3.sqlite_version,
            "load_before": [round(one, 2) for one in os.getloadavg()],
        },
        "crowd": [],
    }
    with tempfile.TemporaryDirectory() as folder:
        for pause in (1.0, 0.0):
            store = Store.create(sqlite_url(Path(folder) / f"crowd-{pause}.sqlite"), ["a", "b"])
            n = arguments.people * arguments.each
            filled(store, n)
            ask(store, range(1, n + 1))
            results["crowd"].append(crowd(store, arguments.people, arguments.each, pause))
            store.close()
            print(json.dumps(results["crowd"][-1], indent=2), flush=True)
        results["large"] = large(Path(folder), arguments.items)
    results["machine"]["load_after"] = [round(one, 2) for one in os.getloadavg()]
    arguments.out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(results["large"], indent=2))


if __name__ == "__main__":
    main()
