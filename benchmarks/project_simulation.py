"""A whole project on CIFAR-10, as a person would go through it: a script answers from the truth, round by round.

    python benchmarks/project_simulation.py --data-root FOLDER [--most 12500] [--seed 0]

The 50,000 training pictures are written as JPEG files, a project is made of them, and then `ask`, answers and `train`
follow each other, as `askew watch` has them; every answer goes through the page's own interface, over HTTP. Beside it:
the same pool labelled at random, and all of it. All heads are measured on the 10,000 test pictures of CIFAR-10, which
the project never sees; what the project itself measures on its own test part is there too. Features are
EfficientNet-Lite0's at 128 px; where they are in the cache for the pixels, they are not computed again for the files.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import secrets
import tempfile
import threading
import time
from collections.abc import Mapping
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
from common import RESULTS, environment

from askew.data.load import load
from askew.data.npz import open_npz
from askew.learn.features import KEY_BYTES, FeatureRows, _known_to
from askew.learn.probe import LinearProbe
from askew.pool import Pool
from askew.project.asking import ask_with
from askew.project.config import FILE, LearnerSettings
from askew.project.folder import create, open_project
from askew.project.learning import View, look, train_on, trained
from askew.project.page.guard import Door
from askew.project.page.server import page_app
from askew.project.page.serving import listening, serve
from askew.project.scan import scan
from askew.seeding import generator

SIDE_PX = 128

AT = (100, 300, 1_000, 2_500, 5_000, 8_000)
"""Labels asked for at the end of each round; the last one is `--most`."""

RANDOM_AT = (1_000, 5_000)
"""After which rounds as many labels drawn at random are trained on, besides the last one."""


def main() -> None:
    """Runs all, and writes what is known so far after every round."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data-root", type=Path, required=True, help="where CIFAR-10 is")
    parser.add_argument("--most", type=int, default=12_500, help="labels at the end, those of test pictures too")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, help="where pictures and project go; a folder that is removed if left out")
    parser.add_argument("--balance", default="none", help="query.balance of the project's configuration")
    parser.add_argument("--out", type=Path, default=RESULTS / "project_simulation.json")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as spare:
        simulate(given, given.work or Path(spare))


def simulate(given: argparse.Namespace, work: Path) -> None:
    """Goes through the project in a folder."""
    data = load("cifar10", root=given.data_root)
    probe = LinearProbe(data.n_classes, side_px=SIDE_PX)
    train_rows, test = probe.feed(data.train), probe.feed(data.test)
    began = time.monotonic()
    truth = write_pictures(given.data_root / "cifar10-jpeg.npz", work / "pictures")
    os.environ["ASKEW_CACHE"] = str(work / "cache")
    known = _known_to(probe.extractor)
    digests = [bytes.fromhex(one)[:KEY_BYTES] for one in truth]
    if known.missing(digests):
        known.add(digests, train_rows.array())
    learner = LearnerSettings(side_px=SIDE_PX)
    project = create(work / "project", images=[work / "pictures"], classes=data.classes, learner=learner)
    config = (project.folder / FILE).read_text().replace('balance = "auto"', f'balance = "{given.balance}"')
    (project.folder / FILE).write_text(config)
    project.close()
    project = open_project(work / "project")
    settings = project.config.test
    found = scan(project.store, project.config.images, test_share=settings.share, test_most=settings.most)
    answers = {digest: data.classes[c] for digest, c in truth.items()}
    result: dict[str, Any] = {
        **environment(),
        "seed": given.seed,
        "side_px": SIDE_PX,
        "balance": given.balance,
        "n_pictures": len(found.added),
        "n_test_part": found.test,
        "seconds_to_begin": round(time.monotonic() - began, 1),
        "project": [],
        "random": [],
        "everything": None,
    }
    door, listener = Door(secrets.token_urlsafe(24)), listening("127.0.0.1", 0)
    app = page_app(project.store, name="cifar10", door=door)
    threading.Thread(target=serve, args=(app, listener), daemon=True).start()
    page = HTTPConnection("127.0.0.1", listener.getsockname()[1])
    network = probe.extractor
    view = look(project, network=network)
    pool = np.flatnonzero(~view.test)
    classes = np.array([data.classes.index(answers[one.hash]) for one in view.items])
    order = generator(given.seed, "random order").permutation(pool)
    rows, model = view.rows, None
    n_asked = 0
    for wanted in counts(given.most):
        began = time.monotonic()
        asked = ask_with(project, view, model, n=wanted - n_asked, seed=given.seed + len(result["project"]))
        seconds, n_asked = time.monotonic() - began, wanted
        left = answer(page, door.token, view, answers)
        assert left == asked.n, f"{left} of {asked.n} questions were handed out"
        view = look(project, network=network)
        training = train_on(project, view)
        model = trained(project)
        assert model is not None
        line = {
            "n_asked": n_asked,
            "n_labeled": view.n_labeled,
            "accuracy": accuracy(model.model, test, data.test.labels),
            "strategy": asked.strategy,
            "own_accuracy": training.metrics.get("accuracy"),
            "own_low": training.metrics.get("low"),
            "own_high": training.metrics.get("high"),
            "own_n_test": training.n_test,
            "seconds_to_ask": round_to(seconds),
            "seconds_to_train": round_to(training.seconds),
        }
        result["project"].append(line)
        if n_asked in (*RANDOM_AT, given.most):
            at_random = fitted(probe, rows, order[: view.n_labeled], classes)
            result["random"].append(
                {"n_labeled": view.n_labeled, "accuracy": accuracy(at_random, test, data.test.labels)}
            )
        print(json.dumps(line), json.dumps(result["random"][-1:]), flush=True)
        given.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    result["everything"] = {
        "n_labeled": len(pool),
        "accuracy": accuracy(fitted(probe, rows, pool, classes), test, data.test.labels),
    }
    result["points_below_everything"] = round_to(
        100 * (result["everything"]["accuracy"] - result["project"][-1]["accuracy"])
    )
    given.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    project.close()


def answer(page: HTTPConnection, token: str, view: View, truth: Mapping[str, str]) -> int:
    """Answers every question that the page hands out with the true class, as a browser does; returns how many."""
    hashes, n = {one.id: one.hash for one in view.items}, 0
    page.close()  # the page ends a connection that waited for a training; the next request opens one anew
    while given := post(page, token, "/api/next", {"who": "script", "n": 100, "have": []})["questions"]:
        for one in given:
            said = {"who": "script", "question": one["question"], "item": one["item"], "key": secrets.token_hex(16)}
            post(page, token, "/api/answer", {**said, "kind": "class", "class": truth[hashes[one["item"]]]})
            n += 1
    return n


def post(page: HTTPConnection, token: str, path: str, body: Mapping[str, Any]) -> Any:
    """Returns what the page answers."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    page.request("POST", path, json.dumps(body), headers)
    answered = page.getresponse()
    text = answered.read()
    assert answered.status == 200, text
    return json.loads(text)


def counts(most: int) -> list[int]:
    """Returns how many labels, those of test pictures too, have been asked for at the end of each round."""
    return [*(n for n in AT if n < most), most]


def write_pictures(source: Path, folder: Path) -> dict[str, int]:
    """Writes the training pictures as files, in the order of the data set; returns digest to class, in that order."""
    folder.mkdir(parents=True, exist_ok=True)
    with open_npz(source) as arrays:
        data, offsets, labels, held = (arrays[name] for name in ("jpeg", "offsets", "labels", "is_test"))
    out = {}
    for number, i in enumerate(np.flatnonzero(~held)):
        picture = data[offsets[i] : offsets[i + 1]].tobytes()
        file = folder / f"{number:05d}.jpg"
        if not file.exists():
            file.write_bytes(picture)
        digest = hashlib.sha256(picture).hexdigest()
        assert digest not in out, "two pictures of the same bytes"
        out[digest] = int(labels[i])
    return out


def fitted(probe: LinearProbe, rows: FeatureRows, chosen: np.ndarray, classes: np.ndarray) -> Any:
    """Returns a head trained on the chosen rows, with all of the pool for its unit."""
    labels = np.full(len(rows), -1)
    labels[chosen] = classes[chosen]
    return probe.fit(rows, Pool(labels), seed=0)


def accuracy(model: Any, test: FeatureRows, truth: np.ndarray) -> float:
    """Returns the share of CIFAR-10's own test pictures that a model tells right."""
    return round(float((model.predict(test, ("probs",), seed=0)["probs"].argmax(axis=1) == truth).mean()), 5)


def round_to(value: float) -> float:
    """Returns it with two decimals."""
    return round(value, 2)


if __name__ == "__main__":
    main()
