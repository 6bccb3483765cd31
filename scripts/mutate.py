"""The mutation check: changes a module in one small way at a time and lists the changes that no test notices.

    python scripts/mutate.py                            every module of TESTS; an hour on two cores
    python scripts/mutate.py askew.query --jobs 4       one of them
    python scripts/mutate.py --out mutants.json         the list as a file
    python scripts/mutate.py --only mutants.json        what such a list says was not killed, and nothing else

A fork of this process, which has imported libraries but nothing of askew, collects a module's tests and runs them once,
noting which functions of the module each calls and how long it takes. Then it forks again for each change inside a
function: the child puts the changed code into the functions that are loaded, and runs the tests that call them, the
quickest first, until one fails. A change of what runs when the module is loaded (constants, tables, decorators,
defaults) is read by whoever imports it, so there the child collects the tests anew, with the changed module in place of
the file; so it does for what survived before. What survives must stand in docs/mutants.md with the reason why nobody
would notice; if something else survives, the exit status is 1.

mutmut, which was tried first, leaves out what is decorated (`@dataclass`, `@property`, `@contextmanager`) and the top
level of a module, which is half of these files.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import importlib.util
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
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from mutations import Mutant, mutants

ROOT = Path(__file__).parent.parent
REASONS = ROOT / "docs" / "mutants.md"
QUERY, PLAN, PREDICTIONS = "tests/test_query.py", "tests/test_plan.py", "tests/test_predictions.py"
LOOP, LEDGER = "tests/experiment/test_loop.py", "tests/experiment/test_ledger.py"
VALUES, NAMES = "tests/test_values.py", "tests/test_names.py"

TESTS = {
    "askew.query": (QUERY, "tests/test_select.py", NAMES, PLAN, PREDICTIONS, "tests/test_contracts.py"),
    "askew.picking": (QUERY, "tests/test_select.py", PLAN),
    "askew.plan": (PLAN, VALUES, QUERY, LOOP),
    "askew.selection": (NAMES, VALUES, QUERY),
    "askew.predictions": (PREDICTIONS, VALUES, QUERY, PLAN),
    "askew.pool": ("tests/test_pool.py", QUERY),
    "askew.experiment.loop": (LOOP,),
    "askew.experiment.ledger": (LEDGER,),
    "askew.experiment.chain": (LEDGER,),
    "askew.experiment.records": ("tests/experiment/test_records.py", LEDGER),
}
"""The files of tests that each module must pass, beside the examples in its docstrings."""

LEFT_OUT = ("test_a_second_process_waits_for_the_first", "test_balanced_ties_are_settled_by_seed_too[balance1]")
"""The first starts another process, which would import the module as it is; the second takes ten seconds."""

LIBRARIES = ("torch", "pandas", "scipy.optimize", "scipy.spatial", "sklearn", "array_api_compat.torch")
"""What is imported once, and not in every fork."""

OPTIONS = ("-q", "-s", "-x", "--tb=short", "-p", "no:cacheprovider", "-p", "no:faulthandler")

MEMORY = 8 * 2**30
"""Bytes that a child may allocate: some mutants never stop asking for more."""

PATIENCE = 5
"""How many seconds on the clock a child may take for each of a processor, which it shares with others."""

Find = Callable[[Mutant, Path], str | None]
"""Takes a mutant and an empty folder, runs tests, and returns the one that fails."""


class Loaded:
    """A pytest plugin for one module: runs the tests once, then a fork of the process for each change in a function."""

    def __init__(self, name: str, every: list[Mutant], jobs: int, limit: int) -> None:
        self.path, self.every, self.jobs, self.limit = path_of(name), every, jobs, limit
        self.seconds: dict[str, float] = {}
        self.calls: dict[str, list[str]] = {}
        self.killers: dict[str, str] = {}
        self.outcomes: list[tuple[int, str]] = []
        self.functions: dict[tuple[str, int], list[FunctionType]] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if item.name not in LEFT_OUT]

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.seconds, self.calls = from_fork(lambda: self._measured(session))
        session.items.sort(key=lambda item: self.seconds[item.nodeid])
        for one in gc.get_objects():
            if type(one) is FunctionType and one.__code__.co_filename == str(self.path):
                self.functions.setdefault(_key(one.__code__), []).append(one)
        gc.freeze()

        def failing(mutant: Mutant, out: Path) -> str | None:
            session.config._tmp_path_factory._basetemp = out  # type: ignore[attr-defined]
            for function, code in self._swaps(mutant):
                function.__code__ = code
            for item in self._callers(mutant, session.items):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
                if session.testsfailed:
                    return item.nodeid
            return None

        waiting = sorted((one for one in self.every if self._swaps(one)), key=lambda mutant: mutant.wiring)
        for mutant, what, killer in tried(waiting, self.jobs, self.limit, failing):
            self.outcomes.append((mutant.number, what))
            if killer:
                self.killers[mutant.where] = killer
        return True

    def _measured(self, session: pytest.Session) -> tuple[dict[str, float], dict[str, list[str]]]:
        """Notes what each test calls and how long it takes; some tests change their parameters, so it is in a fork."""
        path = str(self.path)
        seconds: dict[str, float] = {}
        calls: dict[str, set[str]] = {}
        for item in session.items:

            def note(frame: FrameType, event: str, _: object, test: str = item.nodeid) -> None:
                if event == "call" and frame.f_code.co_filename == path:
                    calls.setdefault(_place(frame.f_code), set()).add(test)

            start = time.monotonic()
            sys.setprofile(note)
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            sys.setprofile(None)
            seconds[item.nodeid] = time.monotonic() - start
        return seconds, {name: sorted(tests) for name, tests in calls.items()}

    def _callers(self, mutant: Mutant, items: list[pytest.Item]) -> list[pytest.Item]:
        """Returns the tests that call the function; the one that found the function's last mutant comes first."""
        tests = self.calls.get(mutant.where)
        found = [item for item in items if tests is None or item.nodeid in tests]
        return sorted(found, key=lambda item: item.nodeid != self.killers.get(mutant.where))

    def _swaps(self, mutant: Mutant) -> list[tuple[FunctionType, CodeType]]:
        """Returns each loaded function that the mutant changes and its new code; none if the module must load anew."""
        if mutant.loading:
            return []
        changed = (code for code in _codes(mutant.code) if f"{mutant.where}.".startswith(f"{_place(code)}."))
        found = [(function, code) for code in changed for function in self.functions.get(_key(code), ())]
        same = all(function.__code__.co_freevars == code.co_freevars for function, code in found)
        return found if same else []


class Afresh:
    """A pytest plugin for a process that imports a mutant: sets the order of the tests and notes which one fails."""

    def __init__(self, importer: Importer, seconds: Mapping[str, float], first: str | None) -> None:
        self.importer, self.seconds, self.first = importer, seconds, first
        self.failed: str | None = None

    def pytest_sessionstart(self) -> None:
        sys.meta_path.insert(0, self.importer)  # before pytest's own, which rewrites assertions

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted(
            (item for item in items if item.name not in LEFT_OUT),
            key=lambda item: (item.nodeid != self.first, self.seconds.get(item.nodeid, 0.0)),
        )

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed = report.nodeid


class Importer:
    """Finds one module, whose code is given, before Python looks for its file."""

    def __init__(self, name: str, code: CodeType) -> None:
        self.name, self.code = name, code

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        if name != self.name:
            return None
        loader = SourceFileLoader(name, str(path_of(name)))
        loader.get_code = lambda _: self.code  # type: ignore[method-assign]
        return importlib.util.spec_from_file_location(name, path_of(name), loader=loader)


def tried(waiting: list[Mutant], jobs: int, limit: int, failing: Find) -> Iterator[tuple[Mutant, str, str]]:
    """Yields each mutant, the last one first, with its outcome and the test that found it, each from its own fork."""
    running: dict[int, tuple[Mutant, Path]] = {}
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant, out = waiting.pop(), Path(tempfile.mkdtemp(prefix="mutant-"))
            child = os.fork()
            if child == 0:
                _in_child(mutant, limit, out, failing)
            running[child] = (mutant, out)
        child, status = os.wait()
        mutant, out = running.pop(child)
        found = out / "killer.txt"
        what, killer = outcome(status), found.read_text() if found.is_file() else ""
        shutil.rmtree(out, ignore_errors=True)
        yield mutant, what, killer


def _in_child(mutant: Mutant, limit: int, out: Path, failing: Find) -> None:
    status = 1
    try:
        gc.disable()
        signal.setitimer(signal.ITIMER_PROF, limit)
        signal.setitimer(signal.ITIMER_REAL, PATIENCE * limit)
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        printed = os.open(os.devnull, os.O_WRONLY)
        os.dup2(printed, 1)
        os.dup2(printed, 2)
        tests = out / "tests"
        tests.mkdir()
        killer = failing(mutant, tests)
        if killer is None:
            status = 0
        else:
            (out / "killer.txt").write_text(killer)
    except Exception:  # noqa: BLE001  (a mutant may raise anything; it counts as killed)
        traceback.print_exc()
    finally:
        os._exit(status)


def from_fork(work: Callable[[], Any]) -> Any:
    """Returns what a function without arguments returns in a fork of this process, as JSON tells it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with open(writing, "w") as file:
                json.dump(work(), file)
        except Exception:  # noqa: BLE001  (the parent sees that nothing was written)
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)
    os.close(writing)
    with open(reading) as file:
        text = file.read()
    os.waitpid(child, 0)
    if not text:
        sys.exit("the tests did not run")
    return json.loads(text)


def _codes(code: CodeType) -> Iterator[CodeType]:
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield inner
            yield from _codes(inner)


def _place(code: CodeType) -> str:
    return code.co_qualname.replace(".<locals>", "")


def _key(code: CodeType) -> tuple[str, int]:
    return code.co_qualname, code.co_firstlineno


def path_of(name: str) -> Path:
    return ROOT / "src" / (name.replace(".", "/") + ".py")


def outcome(status: int) -> str:
    """Says what a child's end means: the tests passed, one failed (or the module did not load), or it took too long."""
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGPROF, signal.SIGALRM):
        return "too long"
    return "survived" if status == 0 else "killed"


def check(name: str, jobs: int, limit: int, only: Collection[str] | None = None) -> list[tuple[Mutant, str]]:
    """Returns every mutant of a module with its outcome; `only` is the rows of those that are wanted, None is all."""
    start = time.monotonic()
    source, path = path_of(name).read_text(), path_of(name)
    tests = (*TESTS[name], str(path))
    every = [one for one in mutants(source, str(path)) if only is None or row(name, one) in only]

    def loaded() -> tuple[dict[str, float], dict[str, str], list[tuple[int, str]]]:
        plugin = Loaded(name, every, jobs, limit)
        pytest.main([*OPTIONS, *tests], plugins=[plugin])
        return plugin.seconds, plugin.killers, plugin.outcomes

    def run(code: CodeType, *options: str, first: str | None = None) -> tuple[int, str | None]:
        plugin = Afresh(Importer(name, code), seconds, first)
        return int(pytest.main([*OPTIONS, *options, *tests], plugins=[plugin])), plugin.failed

    def failing(mutant: Mutant, out: Path) -> str | None:
        status, failed = run(mutant.code, f"--basetemp={out}", first=killers.get(mutant.where))
        return failed or ("" if status else None)

    seconds: dict[str, float] = {}
    if from_fork(lambda: run(compile(source, str(path), "exec")))[0] != 0:
        sys.exit(f"{name}: its tests fail without a change")
    seconds, killers, outcomes = from_fork(loaded)
    known = {number: what for number, what in outcomes if what != "survived"}
    done = [(one, known[one.number]) for one in every if one.number in known]
    waiting = sorted((one for one in every if one.number not in known), key=lambda mutant: mutant.wiring)
    for mutant, what, killer in tried(waiting, jobs, limit, failing):
        done.append((mutant, what))
        if killer:
            killers[mutant.where] = killer
        if what == "survived":
            print(f"{path.relative_to(ROOT)}:{mutant.line}: {row(name, mutant)}", flush=True)
    count = Counter(what for _, what in done)
    print(
        f"{name}: {len(done)} mutants, {count['killed']} killed, {count['too long']} took too long, "
        f"{count['survived']} survived ({time.monotonic() - start:.0f} s)",
        flush=True,
    )
    return done


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
            mutant = Mutant(0, *(record[key] for key in ("line", "where", "before", "after")), compile("", "", "exec"))
            rows.setdefault(record["module"], set()).add(row(record["module"], mutant))
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Lists the small changes of the code that no test notices.")
    parser.add_argument("modules", nargs="*", default=[], metavar="MODULE", help=", ".join(TESTS))
    parser.add_argument("--jobs", type=int, default=2, help="children at a time")
    parser.add_argument("--limit", type=int, default=120, help="seconds of a processor that a child may take")
    parser.add_argument("--out", type=Path, help="a JSON file of every mutant and its outcome")
    parser.add_argument("--only", type=Path, metavar="LIST", help="try again what a list of --out says was not killed")
    args = parser.parse_args(argv)
    only = None if args.only is None else not_killed(args.only)
    os.chdir(ROOT)
    for library in LIBRARIES:
        with contextlib.suppress(ImportError):
            importlib.import_module(library)
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
