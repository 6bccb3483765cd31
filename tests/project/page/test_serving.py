"""`askew label` as a process: where it listens, how it ends, and what is left of the answers when it is killed."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import stat
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("uvicorn")

from labellers import Given, all_at_once, labeller

from askew.cli.main import main
from askew.errors import InputError
from askew.project.labels import history
from askew.project.page.guard import token_in
from askew.project.page.serving import addresses, listening

Small = Any  # a project of conftest.py
SECONDS = 240
"""What is waited for at most."""


class Command:
    """`askew label` as a process of its own."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.folder, self.port = folder, port
        self.start()

    def start(self) -> None:
        options = ["--no-browser", "--no-learning", "--port", str(self.port)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "askew.cli.main", "label", str(self.folder), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.process.stdout.readline()
        self.url = self.process.stdout.readline().strip()
        self.port = int(self.url.split(":")[2].split("/")[0])

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def end(self, number: int = signal.SIGINT) -> tuple[int, str, str]:
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, out, err


def test_people_at_once_are_asked_nothing_twice(make: Any, any_url: str) -> None:
    small = make(store=any_url)
    small.ask()
    command = Command(small.project.folder)
    told = asyncio.run(all_at_once(command.url, ["a", "b", "c", "d", "e"], 9, lambda _: "three", looks=True))
    status, out, err = command.end()
    assert (status, err) == (0, "")
    assert "every answer is kept" in out
    rows = history(small.project.store)
    assert len(told) == len(rows) == 20
    assert len({row.item_id for row in rows}) == 20
    assert {row.key for row in rows} == {one.key for one in told}


def test_a_server_that_is_killed_loses_and_doubles_nothing(
    make: Any, any_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labellers.PATIENCE_S", SECONDS)
    small = make(n=400, store=any_url)
    small.ask(400)
    command = Command(small.project.folder)
    told: list[Given] = []

    async def answer() -> None:
        names = ("a", "b", "c")
        await asyncio.gather(*(labeller(command.url, who, 200, lambda _: "three", told=told) for who in names))

    people = threading.Thread(target=asyncio.run, args=(answer(),))
    people.start()
    draw = random.Random(0)
    for kill in range(4):  # by answers and not by the clock, so that some are left however quick the machine is
        wanted = 80 * kill + draw.randint(5, 75)
        wait_for(lambda wanted=wanted: len(told) >= wanted or not people.is_alive())
        time.sleep(draw.uniform(0, 0.01))
        assert people.is_alive()
        command.kill()
        command.start()
    people.join()
    command.end()
    small.project.store.check()
    kept = Counter(row.key for row in history(small.project.store))
    assert len(told) >= 300
    assert {one.key for one in told} <= set(kept)
    assert max(kept.values()) == 1


PARENT = """
import os, sys, time
from pathlib import Path
from askew.project.page.serving import beside

def work(folder):
    (folder / "child").write_text(str(os.getpid()))
    time.sleep(600)

if __name__ == "__main__":
    with beside(Path(sys.argv[1]), work) as at_work:
        while True:
            time.sleep(0.05)
            (Path(sys.argv[1]) / ("yes" if at_work() else "no")).touch()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_the_learner_ends_with_the_page(tmp_path: Path, number: int) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    parent = subprocess.Popen([sys.executable, str(script), str(tmp_path)], stderr=subprocess.DEVNULL)
    wait_for(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text() != "")
    child = int((tmp_path / "child").read_text())
    wait_for((tmp_path / "yes").exists)
    parent.send_signal(number)
    parent.wait()
    wait_for(lambda: not alive(child))


def test_a_learner_that_fails_is_told_in_one_line(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    wrong = 'from askew.errors import InputError\n    raise InputError("its features cannot be had")'
    script.write_text(PARENT.replace("time.sleep(600)", wrong))
    parent = subprocess.Popen([sys.executable, str(script), str(tmp_path)], stderr=subprocess.PIPE, text=True)
    wait_for((tmp_path / "no").exists)
    parent.send_signal(signal.SIGTERM)
    _, err = parent.communicate(timeout=SECONDS)
    assert err == "askew: no more learning: its features cannot be had\n"


def wait_for(check: Any) -> None:
    end = time.monotonic() + SECONDS
    while not check():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_the_token_is_made_once_and_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "token"
    token = token_in(path)
    assert len(token) >= 32
    assert token_in(path) == token
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    token_in(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text("short")
    with pytest.raises(InputError, match="remove the file"):
        token_in(path)


def test_a_port_that_is_taken_is_told_or_passed_over() -> None:
    with listening("127.0.0.1", None) as first, listening("127.0.0.1", None) as second:
        taken = first.getsockname()[1]
        assert second.getsockname()[1] != taken
        with pytest.raises(InputError, match=f"cannot listen at 127.0.0.1:{taken}"):
            listening("127.0.0.1", taken)
    with pytest.raises(InputError, match="another --port or --host"):
        listening("192.0.2.77", 0)


def test_the_network_gets_an_address_of_its_own_only_if_it_is_let_in() -> None:
    with listening("127.0.0.1", 0) as inside, listening("0.0.0.0", 0) as outside:
        here, network = addresses(inside, "TOKEN")
        assert here == f"http://127.0.0.1:{inside.getsockname()[1]}/?token=TOKEN"
        assert network is None
        here, network = addresses(outside, "TOKEN")
        assert here.startswith("http://127.0.0.1:")
        assert network is not None
        assert "0.0.0.0" not in network


@pytest.mark.parametrize(
    ("options", "told"),
    [(["--overlap", "0"], "--overlap: must be"), (["--port", "70000"], "--port: must be"), ([], "it is no project")],
)
def test_what_cannot_be_served_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], told: str
) -> None:
    assert main(["label", str(tmp_path), "--no-browser", *options]) == 2
    err = capsys.readouterr().err
    assert told in err
    assert len(err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_what_listening_on_the_network_means_is_printed(small: Small) -> None:
    options = ["--host", "0.0.0.0", "--port", "0", "--no-browser", "--no-learning"]
    command = subprocess.Popen(
        [sys.executable, "-m", "askew.cli.main", "label", str(small.project.folder), *options],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert command.stdout is not None
    lines = [command.stdout.readline() for _ in range(5)]
    command.send_signal(signal.SIGTERM)
    command.wait(SECONDS)
    command.stdout.close()
    assert lines[1].strip().startswith("http://127.0.0.1:")
    assert "token=" in lines[3]
    assert "not encrypted" in lines[4]
