"""One file is enough: a field that is recorded epoch by epoch, its recorder and its scorer, through the whole loop.

Everything from FIELD to the scorer is what a user would write in a file of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from askew import predictions, recorders
from askew.arrays import Array, to_numpy
from askew.data.load import load
from askew.errors import InputError
from askew.experiment.ledger import open_ledger
from askew.experiment.loop import Run, TruthOracle, run_cycles
from askew.learn.classifier import Classifier
from askew.learn.task import ImageClassification
from askew.learn.training import Training
from askew.plan import Plan
from askew.pool import Pool
from askew.predictions import Field, Predictions, add_field
from askew.recorders import recorder
from askew.strategies.registry import Strategy, resolve, strategy


def flips() -> Strategy:
    """Brings in the field `flips`, its recorder and the strategy `flips`: the file of a user."""
    add_field(Field("flips", "N", "how often the predicted class changed from one epoch to the next"))

    @recorder("flips", epochs=2)
    class Flips:
        reads = ("probs",)

        def begin(self, pool: Pool, *_: int) -> None:
            self.items, self.counts, self.last = pool.unlabeled, np.full(len(pool), np.nan), None
            self.counts[pool.unlabeled] = 0

        def epoch(self, found: Mapping[str, Array]) -> None:
            now = to_numpy(found["probs"]).argmax(axis=1)
            if self.last is not None:
                self.counts[self.items] += now != self.last
            self.last = now

        def result(self) -> Array:
            return self.counts

    @strategy("flips", kind="scorer", needs=("flips",), paper="none")
    def score(pred: Predictions, pool: Pool) -> Array:
        """Scores how often the predicted class changed."""
        return pred.flips

    return resolve(score)


@pytest.fixture
def tables_put_back() -> Iterator[None]:
    tables = [(table, dict(table)) for table in (predictions._TABLE, recorders._TABLE)]
    yield
    for table, before in tables:
        table.clear()
        table.update(before)


def test_a_field_a_recorder_and_a_scorer_in_one_file_run_through_the_loop(
    tmp_path: Path, tables_put_back: None
) -> None:
    entry = flips()
    digits = load("digits")
    training = Training(epochs=4, batch=16, lr=0.05, crop_px=1, flip=False)
    learner = Classifier(10, backbone="small-convnet", training=training, device="cpu")
    items = np.arange(120)
    task = ImageClassification(digits, learner, items=items)
    assert "flips" in task.gives
    seen: list[Array] = []

    class Watching(ImageClassification):
        def predict(self, trained, pool, needs, *, seed):  # type: ignore[no-untyped-def]
            found = super().predict(trained, pool, needs, seed=seed)
            seen.append(found.flips)
            return found

    task = Watching(digits, learner, items=items)
    run = Run("flips", Plan(entry), 0, np.arange(20), 6, 2)
    with open_ledger(tmp_path, run.header()) as ledger:
        assert run_cycles(task, run, ledger, TruthOracle(task.truth))
    asked = np.array(ledger.cycles[0].asked)
    assert np.isnan(seen[0][:20]).all()
    assert set(seen[0][20:].tolist()) <= {0.0, 1.0, 2.0, 3.0}
    assert seen[0][20:].max() > 0
    rest = np.setdiff1d(np.arange(20, 120), asked)
    assert seen[0][asked].min() >= seen[0][rest].max()


def test_fields_and_recorders_are_checked(tables_put_back: None) -> None:
    with pytest.raises(InputError, match="unknown field to record 'flips'"):
        recorder("flips")
    flips()
    with pytest.raises(InputError, match="there is another one already"):
        recorder("flips")(type("Other", (), {"reads": ("probs",)}))
    with pytest.raises(InputError, match="reads must be a tuple"):
        recorder("margins")(type("Mute", (), {}))


def test_a_learner_that_cannot_be_read_does_not_give_the_field(tables_put_back: None) -> None:
    flips()
    digits = load("digits")
    training = Training(epochs=1, batch=16, lr=0.05, crop_px=1, flip=False)
    task = ImageClassification(digits, Classifier(10, backbone="small-convnet", training=training, device="cpu"))
    assert "flips" not in task.gives
    with pytest.raises(InputError, match="it takes at least 2"):
        task.fit(Pool(np.zeros(task.n_items, dtype=np.int64)), ["flips"], seed=0)
