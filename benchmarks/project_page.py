"""Fifty people answer a hundred questions each at one page, on SQLite: is anything asked twice, how long do they wait?

Server and people share the machine. Without pause each sends the next answer when the last is acknowledged, which no
hand does; at a person's pace each looks at the picture for a second, and the pictures are fetched too. Then the server
is killed (-9) thirty times at random moments while they answer.

    python benchmarks/project_page.py [--quick]
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from common import arguments, write
from PIL import Image

from askew.project import folder, questions, scan
from askew.project.items import all_items
from askew.project.labels import history

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))
from labellers import Given, all_at_once

CLASSES = ("heron", "gull", "tern")


def project_of(where: Path, n: int) -> folder.Project:
    """Makes a project of `n` small pictures of noise, all of them asked in rounds of 500."""
    pictures = where / "pictures"
    pictures.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i in range(n):
        Image.fromarray(rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)).save(pictures / f"{i:05d}.png")
    made = folder.create(where / "noise", images=[pictures], classes=CLASSES)
    scan.scan(made.store, made.config.images, test_share=0.0)
    items = [questions.NewQuestion(one.id) for one in all_items(made.store)]
    for start in range(0, n, 500):
        questions.put(made.store, items[start : start + 500], strategy="random", n_labeled=start, seed=0)
    return made


class Server:
    """`askew label` as a process, which can be killed and started again at the same port."""

    def __init__(self, project: Path) -> None:
        self.project, self.port = project, 0
        self.start()

    def start(self) -> None:
        """Starts it and waits until it says where it is."""
        command = [sys.executable, "-m", "askew.cli.main", "label", str(self.project), "--no-learning", "--no-browser"]
        self.process = subprocess.Popen(
            [*command, "--port", str(self.port)], stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert self.process.stdout is not None
        lines = [self.process.stdout.readline() for _ in range(2)]
        self.url = lines[1].strip()
        self.port = int(self.url.split(":")[2].split("/")[0])

    def kill(self) -> None:
        """Kills it as a crash would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """Ends it as Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait()

    def processor_seconds(self) -> float:
        """Returns how much processor time it took so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def answered(where: Path, people: int, each: int, *, pause_s: float, looks: bool) -> dict[str, Any]:
    """Lets people answer, and returns how long they waited and whether an item was asked twice."""
    project = project_of(where, people * each)
    server = Server(project.folder)
    names = [f"person {i}" for i in range(people)]
    asyncio.run(all_at_once(server.url, names[:1], 1, lambda _: "gull"))  # everything is imported
    before, begun = server.processor_seconds(), time.perf_counter()
    told = asyncio.run(all_at_once(server.url, names, each, lambda _: "gull", pause_s=pause_s, looks=looks))
    seconds, processor = time.perf_counter() - begun, server.processor_seconds() - before
    server.stop()
    rows = history(project.store)
    waits = sorted(one.seconds for one in told)
    project.close()
    return {
        "people": people,
        "answers": len(told),
        "pause_seconds": pause_s,
        "items_asked_twice": len(rows) - len({row.item_id for row in rows}),
        "milliseconds_of_an_answer": {
            "median": round(1000 * statistics.median(waits), 1),
            "p95": round(1000 * waits[int(0.95 * len(waits))], 1),
            "most": round(1000 * waits[-1], 1),
        },
        "answers_a_second": round(len(told) / seconds, 1),
        "server_processor_milliseconds_an_answer": round(1000 * processor / len(told), 2),
        "load_average": round(os.getloadavg()[0], 1),
        "niceness": os.nice(0),
    }


def killed(where: Path, kills: int) -> dict[str, Any]:
    """Kills the server at random moments while ten people answer, and counts what was lost or doubled."""
    project = project_of(where, 3000)
    server = Server(project.folder)
    told: list[Given] = []
    over = threading.Event()

    def answer() -> None:
        while not over.is_set():
            told.extend(asyncio.run(all_at_once(server.url, [f"person {i}" for i in range(10)], 5, lambda _: "gull")))

    people = threading.Thread(target=answer)
    people.start()
    draw = random.Random(0)
    for _ in range(kills):
        time.sleep(draw.uniform(0.05, 1.5))
        server.kill()
        server.start()
    over.set()
    people.join()
    server.stop()
    project.store.check()
    kept = Counter(row.key for row in history(project.store))
    project.close()
    return {
        "kills": kills,
        "acknowledged": len(told),
        "acknowledged_and_lost": sum(one.key not in kept for one in told),
        "doubled": sum(n > 1 for n in kept.values()),
        "store_intact": True,
    }


def main() -> None:
    """Measures and writes."""
    chosen = arguments(__doc__ or "")
    people, each, kills = (5, 10, 2) if chosen.quick else (50, 100, 30)
    with tempfile.TemporaryDirectory() as made:
        where = Path(made)
        record = {
            "without_pause": answered(where / "a", people, each, pause_s=0.0, looks=False),
            "at_a_persons_pace": answered(where / "b", people, min(each, 20), pause_s=1.0, looks=True),
            "killed": killed(where / "c", kills),
        }
    write("project_page", record, quick=chosen.quick)


if __name__ == "__main__":
    main()
