"""The thread behind the ML backend: takes in what was annotated, trains and asks when it is due, tells Label Studio."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from askew.errors import AskewError, InputError
from askew.project.folder import Project
from askew.project.label_studio import client
from askew.project.label_studio.client import Server, StudioProject
from askew.project.label_studio.guesses import Guesses, guesses_now, guesses_when_asked
from askew.project.label_studio.pull import Pulled, pull, take
from askew.project.label_studio.push import push
from askew.project.labels import count_since
from askew.project.questions import rounds
from askew.project.trainings import latest

if TYPE_CHECKING:
    from askew.learn.extractor import Extractor

POLL_S = 0.5
"""Seconds between two looks at the store while nothing is heard."""

AGAIN_S = 5.0
"""Seconds until the next try after a failure."""

LOOK_AGAIN_S = 30.0
"""Seconds until it is looked again whether there is more to ask, if nobody answers in between."""

MOST_TASKS = 500
"""With more tasks than these to look at, all annotations are looked at instead."""

Say = Callable[[str], None]


class Worker:
    """Works for one project in a thread of its own, until it is stopped; nothing that it was told is lost on the way.

    What Label Studio sends is not believed: it says which tasks to look at, and they are read from the server that the
    worker was given. So nobody who reaches the ML backend can write a label, and no address in a task is ever opened.
    """

    def __init__(
        self, project: Project, server: Server, title: str, *, say: Say, reached_at: str | None = None
    ) -> None:
        """Takes the project, where Label Studio is, the title of its project there, and who is told what happens.

        Args:
            project: whose questions and labels.
            server: where Label Studio is.
            title: of Label Studio's project.
            say: called with a line for people.
            reached_at: where Label Studio reaches the ML backend, to connect it; None leaves that to people.
        """
        self._project, self._server, self._title, self._say = project, server, title, say
        self._reached_at = reached_at
        self._tasks: set[int] = set()
        self._all, self._train = True, False
        self._heard = threading.Condition()
        self._stopped = False
        self._exhausted: tuple[int, float] | None = None  # the rows of labels then, and when
        self._there: StudioProject | None = None
        self._network: Extractor | None = None
        self._thread = threading.Thread(target=self._run, name="label-studio", daemon=True)
        self.guesses: Guesses = guesses_when_asked(project)

    @property
    def works(self) -> bool:
        """Whether the thread is at work."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begins to work."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread; a training that runs is ended first."""
        with self._heard:
            self._stopped = True
            self._heard.notify()
        self._thread.join()

    def look_at(self, tasks: Iterable[int]) -> None:
        """Has some tasks looked at; without any, all."""
        with self._heard:
            new = set(tasks)
            self._tasks |= new
            self._all |= not new or len(self._tasks) > MOST_TASKS
            self._heard.notify()

    def train(self) -> None:
        """Has the model trained, whether it is due or not."""
        with self._heard:
            self._train = True
            self._heard.notify()

    def _run(self) -> None:
        """Works step by step; whatever stands in the way is told once, and tried again."""
        told, state = "", (-1, -1)
        with ExitStack() as held:
            learns = self._may_learn(held)
            while not self._stopped:
                try:
                    self._take_in()
                    if learns:
                        self._learn()
                    now = self._state()
                    if now != state:
                        self._tell()
                        state = now
                    told, wait_s = "", POLL_S
                except AskewError as error:
                    if str(error) != told:
                        self._say(str(error))
                    told, wait_s = str(error), AGAIN_S
                self._wait(wait_s, unless_told=not told)

    def _may_learn(self, held: ExitStack) -> bool:
        """Tells whether this worker trains and asks; where another process of the project does, it only passes on."""
        from askew.project.watch import only_one

        try:
            held.enter_context(only_one(self._project.folder))
        except InputError as error:
            self._say(f"{error}; it trains and asks, this passes on")
            return False
        return True

    def _wait(self, seconds: float, *, unless_told: bool) -> None:
        until = time.monotonic() + seconds
        with self._heard:
            while not self._stopped and time.monotonic() < until:
                if unless_told and (self._tasks or self._all or self._train):
                    return
                self._heard.wait(until - time.monotonic())

    def _take_in(self) -> None:
        """Stores what was annotated in Label Studio; what could not be looked at is looked at the next time."""
        with self._heard:
            tasks, everything = self._tasks, self._all
            self._tasks, self._all = set(), False
        try:
            if tasks or everything:
                self._look(tasks, everything)
        except AskewError:
            with self._heard:
                self._tasks |= tasks
                self._all |= everything
            raise

    def _look(self, tasks: Collection[int], everything: bool) -> None:
        if self._there is None:
            self._there = client.find_project(self._server, self._title)
        if self._there is None:
            return
        if everything:
            self._said(pull(self._project, self._server, self._title))
            return
        found = [client.task(self._server, number) for number in sorted(tasks)]
        ours = [one for one in found if one is not None and one.get("project") == self._there.id]
        self._said(take(self._project, ours, client.emails(self._server)))

    def _said(self, pulled: Pulled) -> None:
        lines = pulled.lines()
        for line in lines if pulled.labels else lines[1:]:
            self._say(line)

    def _learn(self) -> None:
        """Trains and asks as long as anything of it is due, or once more when Label Studio said so."""
        from askew.project.asking import Exhausted
        from askew.project.learning import check_learns, look, network_of, train_on
        from askew.project.watch import step

        if self._network is None and not self._project.asks_for_boxes:
            self._network = network_of(self._project)
        with self._heard:
            train_now, self._train = self._train, False
        if train_now:
            check_learns(self._project)
            done = train_on(self._project, look(self._project, network=self._network))
            self._say(f"training {done.id}, as Label Studio told it to: {done.n_labeled} labels")
        said, now = count_since(self._project.store, 0), time.monotonic()
        if self._exhausted is not None and self._exhausted[0] == said and now < self._exhausted[1] + LOOK_AGAIN_S:
            return
        try:
            while not self._stopped and step(self._project, self._network):
                pass
            self._exhausted = None
        except Exhausted as error:
            if self._exhausted is None:
                self._say(str(error))
            self._exhausted = (said, now)

    def _state(self) -> tuple[int, int]:
        """Returns what decides whether Label Studio has to be told something: the newest round and training."""
        asked, last = rounds(self._project.store), latest(self._project.store)
        return (asked[-1].id if asked else 0, last.id if last else 0)

    def _tell(self) -> None:
        """Brings the present questions and guesses to Label Studio, and connects the ML backend if it is not."""
        if self._project.asks_for_boxes:
            self.guesses = guesses_when_asked(self._project)
        elif latest(self._project.store) is not None:
            self.guesses = guesses_now(self._project, self._network)
        done = push(self._project, self._server, self._title, guesses=self.guesses)
        for line in done.lines():
            self._say(line)
        if self._reached_at is not None:
            self._connect(done.project, self._reached_at)

    def _connect(self, there: StudioProject, reached_at: str) -> None:
        """Connects the ML backend, if it is not; where Label Studio refuses, it is tried with the next questions."""
        try:
            if reached_at not in client.backends(self._server, there):
                client.connect_backend(self._server, there, reached_at, "askew")
        except InputError as error:
            self._say(f"not connected: {error}")
            return
        self._say(f"connected: Label Studio reaches this ML backend at {reached_at}")
        self._reached_at = None
        self.look_at([])  # what was annotated before the connection was not heard
