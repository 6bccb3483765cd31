"""The mutation check: changes a module in one small way at a time and lists the changes that no test notices.

    python scripts/mutate.py                            every module of TESTS; half an hour on two cores
    python scripts/mutate.py askew.query --jobs 4       one of them
    python scripts/mutate.py --out mutants.json         the list as a file
    python scripts/mutate.py --only mutants.json        what such a list says was not killed, and nothing else

pytest collects a module's tests and runs them once, noting which functions of the module each calls and how long it
takes.
Then the process forks for each mutant: the child puts the changed code into the functions and classes that are loaded,
and runs the tests that call the changed function, the quickest first, until one fails. What survives must stand in
docs/mutants.md with the reason why nobody would notice; if something else survives, the exit status is 1.

mutmut, which was tried first, leaves out what is decorated (`@dataclass`, `@property`, `@contextmanager`) and the top
level of a module, which is half of these files.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import json
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any, Literal, get_origin

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from mutations import Mutant, mutants

ROOT = Path(__file__).parent.parent
REASONS = ROOT / "docs" / "mutants.md"
QUERY, PLAN, PREDICTIONS = "tests/test_query.py", "tests/test_plan.py", "tests/test_predictions.py"
LOOP, LEDGER = "tests/experiment/test_loop.py", "tests/experiment/test_ledger.py"

TESTS = {
    "askew.query": (QUERY, "tests/test_select.py", PLAN, PREDICTIONS, "tests/test_contracts.py"),
    "askew.plan": (PLAN, QUERY, LOOP),
    "askew.selection": ("tests/test_names.py", QUERY),
    "askew.predictions": (PREDICTIONS, QUERY, PLAN),
    "askew.pool": ("tests/test_pool.py", QUERY),
    "askew.experiment.loop": (LOOP, LEDGER),
    "askew.experiment.ledger": (LEDGER, LOOP),
    "askew.experiment.records": ("tests/experiment/test_records.py", LEDGER),
}
LEFT_OUT = ("test_a_second_process_waits_for_the_first", "test_balanced_ties_are_settled_by_seed_too[balance1]")
"""The first starts another process, which would import the module as it is; the second takes ten seconds."""

MEMORY = 8 * 2**30
"""Bytes that a child may allocate: some mutants never stop asking for more."""


class Forking:
    """A pytest plugin for one module: runs the tests once, then a fork of the process for each mutant."""

    def __init__(self, name: str, jobs: int, limit: int, only: Collection[str] | None = None) -> None:
        self.name, self.jobs, self.limit, self.only = name, jobs, limit, only
        self.path = path_of(name)
        self.seconds: dict[str, float] = {}
        self.calls: dict[str, list[str]] = {}
        self.killers: dict[str, str] = {}
        self.done: list[tuple[Mutant, str]] = []

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if item.name not in LEFT_OUT]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            print(report.longrepr, flush=True)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._measure(session)
        session.items.sort(key=lambda item: self.seconds[item.nodeid])
        source = self.path.read_text()
        same = Mutant(1, "module", "", "", compile(source, str(self.path), "exec"))
        child, out = self._forked(same, session)
        if os.waitpid(child, 0)[1] != 0:
            sys.exit(f"{self.name}: its tests fail without a change:\n{(out / 'printed.txt').read_text()[-3000:]}")
        gc.freeze()
        every = [m for m in mutants(source, str(self.path)) if self.only is None or row(self.name, m) in self.only]
        waiting = sorted(every, key=lambda mutant: mutant.wiring)
        running: dict[int, tuple[Mutant, Path]] = {}
        while waiting or running:
            while waiting and len(running) < self.jobs:
                mutant = waiting.pop()
                child, out = self._forked(mutant, session)
                running[child] = (mutant, out)
            child, status = os.wait()
            mutant, out = running.pop(child)
            self.done.append((mutant, outcome(status)))
            if (out / "killer.txt").is_file():
                self.killers[mutant.where] = (out / "killer.txt").read_text()
            shutil.rmtree(out, ignore_errors=True)
            if self.done[-1][1] == "survived":
                print(f"{self.path.relative_to(ROOT)}:{mutant.line}: {row(self.name, mutant)}", flush=True)
        return True

    def _measure(self, session: pytest.Session) -> None:
        """Notes, in a fork because some tests change their parameters, what each test calls and how long it takes."""
        path = str(self.path)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            calls: dict[str, set[str]] = {}
            for item in session.items:

                def note(frame: FrameType, event: str, _: object, test: str = item.nodeid) -> None:
                    if event == "call" and frame.f_code.co_filename == path:
                        calls.setdefault(frame.f_code.co_qualname.replace(".<locals>", ""), set()).add(test)

                start = time.monotonic()
                sys.setprofile(note)
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
                sys.setprofile(None)
                self.seconds[item.nodeid] = time.monotonic() - start
            with open(writing, "w") as file:
                json.dump([self.seconds, {name: sorted(tests) for name, tests in calls.items()}], file)
            os._exit(0)
        os.close(writing)
        with open(reading) as file:
            self.seconds, self.calls = json.load(file)
        os.waitpid(child, 0)

    def _callers(self, mutant: Mutant, items: list[pytest.Item]) -> list[pytest.Item]:
        """Returns the tests that call the function; the one that found the function's last mutant comes first."""
        tests = self.calls.get(mutant.where)
        found = [item for item in items if tests is None or item.nodeid in tests]
        return sorted(found, key=lambda item: item.nodeid != self.killers.get(mutant.where))

    def _forked(self, mutant: Mutant, session: pytest.Session) -> tuple[int, Path]:
        out = Path(tempfile.mkdtemp(prefix="mutant-"))
        child = os.fork()
        if child:
            return child, out
        status = 1
        try:
            gc.disable()
            signal.setitimer(signal.ITIMER_REAL, self.limit)
            resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
            printed = os.open(out / "printed.txt", os.O_WRONLY | os.O_CREAT)
            os.dup2(printed, 1)
            os.dup2(printed, 2)
            session.config._tmp_path_factory._basetemp = out  # type: ignore[attr-defined]
            apply(sys.modules[self.name], mutant.code)
            for item in self._callers(mutant, session.items):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
                if session.testsfailed:
                    (out / "killer.txt").write_text(item.nodeid)
                    break
            else:
                status = 0
        except Exception:  # noqa: BLE001  (a mutant may raise anything; it counts as killed)
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)


def apply(module: ModuleType, code: CodeType) -> None:
    """Makes a loaded module into the mutant whose code is given, keeping its functions and classes the same objects."""
    changed = ModuleType(module.__name__)
    changed.__file__ = module.__file__
    exec(code, changed.__dict__)
    _take_over(module, vars(module), vars(changed))


def _take_over(owner: Any, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    for name in [name for name in old if name not in new]:
        delattr(owner, name)
    for name, value in list(new.items()):
        before, after = _function(old.get(name)), _function(value)
        if isinstance(value, type) and isinstance(old.get(name), type):
            if value.__module__ == owner.__name__ and value is not old[name]:
                _take_over(old[name], vars(old[name]), vars(value))
        elif before is None or after is None:
            plain = isinstance(value, int | float | str | bytes | tuple | re.Pattern) or get_origin(value) is Literal
            if plain or name == "__dataclass_params__":
                setattr(owner, name, value)
        elif before.__code__.co_freevars == after.__code__.co_freevars and before is not after:
            before.__code__, before.__defaults__ = after.__code__, after.__defaults__
            before.__kwdefaults__ = after.__kwdefaults__
        elif before is not after:
            setattr(
                owner,
                name,
                FunctionType(after.__code__, before.__globals__, name, after.__defaults__, after.__closure__),
            )


def _function(value: object) -> FunctionType | None:
    """Returns the function inside a method, property or wrapper."""
    for name in ("__func__", "fget", "func", "__wrapped__"):
        if not isinstance(value, FunctionType) or name == "__wrapped__":
            value = getattr(value, name, value)
    return value if isinstance(value, FunctionType) else None


def path_of(name: str) -> Path:
    return ROOT / "src" / (name.replace(".", "/") + ".py")


def outcome(status: int) -> str:
    """Says what a child's end means: the tests passed, one failed (or the module did not load), or it took too long."""
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM:
        return "too long"
    return "survived" if status == 0 else "killed"


def check(name: str, jobs: int, limit: int, only: Collection[str] | None = None) -> list[tuple[Mutant, str]]:
    """Returns every mutant of a module with its outcome; `only` is the rows of those that are wanted, None is all."""
    start = time.monotonic()
    plugin = Forking(name, jobs, limit, only)
    options = ["-q", "-s", "--tb=short", "-p", "no:cacheprovider", "-p", "no:faulthandler"]
    pytest.main([*options, *TESTS[name]], plugins=[plugin])
    count = Counter(what for _, what in plugin.done)
    print(
        f"{name}: {len(plugin.done)} mutants, {count['killed']} killed, {count['too long']} took too long, "
        f"{count['survived']} survived ({time.monotonic() - start:.0f} s)",
        flush=True,
    )
    return plugin.done


def row(name: str, mutant: Mutant) -> str:
    """Returns the beginning of a mutant's row in docs/mutants.md."""
    cells = f"`{name.removeprefix('askew.')}.{mutant.where}`", f"`{mutant.before}`", f"`{mutant.after}`"
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def explained() -> set[str]:
    """Returns the rows of docs/mutants.md that give a reason, without it."""
    rows = re.findall(r"^(\| `.*` \| `.*` \| `.*` \|) *[^| ].*\|$", REASONS.read_text(), re.MULTILINE)
    return set(rows)


def not_killed(path: Path) -> dict[str, set[str]]:
    """Returns the rows of what an earlier list says was not killed, by module."""
    rows: dict[str, set[str]] = {}
    for record in json.loads(path.read_text()):
        if record["outcome"] != "killed":
            mutant = Mutant(*(record[key] for key in ("line", "where", "before", "after")), compile("", "", "exec"))
            rows.setdefault(record["module"], set()).add(row(record["module"], mutant))
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Lists the small changes of the code that no test notices.")
    parser.add_argument("modules", nargs="*", default=[], metavar="MODULE", help=", ".join(TESTS))
    parser.add_argument("--jobs", type=int, default=2, help="children at a time")
    parser.add_argument("--limit", type=int, default=120, help="seconds that a child may take")
    parser.add_argument("--out", type=Path, help="a JSON file of every mutant and its outcome")
    parser.add_argument("--only", type=Path, metavar="LIST", help="try again what a list of --out says was not killed")
    args = parser.parse_args(argv)
    only = None if args.only is None else not_killed(args.only)
    os.chdir(ROOT)
    with contextlib.suppress(ImportError):
        importlib.import_module("torch")  # once, and not in every child
    known, new, records = explained(), 0, []
    for name in args.modules or (TESTS if only is None else only):
        found = check(name, args.jobs, args.limit, None if only is None else only.get(name, set()))
        new += sum(what == "survived" and row(name, mutant) not in known for mutant, what in found)
        records += [
            {
                "module": name,
                "line": mutant.line,
                "where": mutant.where,
                "before": mutant.before,
                "after": mutant.after,
                "outcome": what,
            }
            for mutant, what in found
        ]
        if args.out is not None:
            args.out.write_text(json.dumps(records, indent=1) + "\n")
    if new:
        print(f"{new} survivors are not explained in {REASONS.relative_to(ROOT)}")
    return int(new > 0)


if __name__ == "__main__":
    sys.exit(main())
