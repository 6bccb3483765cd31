"""The page as a whole: what comes first, what is said once, and what a reader without eyes or with a phone gets."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import pytest

from askew.experiment.ledger import Header
from askew.report.build import build
from askew.report.headline import headline
from askew.report.ledgers import read
from askew.report.page import LEARNER_KEYS
from askew.report.summary import Summary, summarize

LABELS = ("random", "entropy", "entropy+balance", "margin")


@pytest.fixture
def folder(experiment: Callable[..., Path]) -> Path:
    return experiment(labels=LABELS, seeds=(0, 1, 2), cycles=4)


@pytest.fixture
def summary(folder: Path) -> Summary:
    return summarize(read(folder))


@pytest.fixture
def page(folder: Path) -> str:
    return build(folder).read_text(encoding="utf-8")


def test_one_sentence_comes_first_and_then_the_curves(page: str, summary: Summary) -> None:
    (h1,) = re.findall(r"<h1[^>]*>(.*?)</h1>", page)
    assert h1 == escape(headline(summary).sentence, quote=False).replace("'", "&#39;")
    order = [page.index(f'id="{name}"') for name in ("learning-curves", "evidence", "labels-saved", "asked-first")]
    assert page.index("<h1") < order[0]
    assert order == sorted(order)
    between = re.sub(r"<svg.*", "", page[page.index("</h1>") : order[0]], flags=re.DOTALL)
    assert len(re.findall(r"<p\b", between)) == 1, "the line of facts alone"


def test_nothing_is_said_twice(page: str, summary: Summary) -> None:
    headings = re.findall(r"<h2>(.*?)</h2>", page)
    assert len(headings) == len(set(headings)) >= 12
    blocks = [found[0] for found in re.finditer(r"<(figure|section)\b.*?</\1>", page, flags=re.DOTALL)]
    assert [block.count("<h2>") for block in blocks] == [1] * len(headings)
    said = headline(summary)
    text = page.replace("&#39;", "'")
    for sentence in (*said.details, *said.balance):
        assert text.count(escape(sentence, quote=False)) == 1, sentence


def test_pictures_have_words_and_tables_have_headers(page: str) -> None:
    images = re.findall(r"<img [^>]*>", page)
    assert images
    assert all(re.search(r'alt="[^"]+"', image) for image in images)
    drawn = re.findall(r'<div class="(?:wide|narrow)" role="img" aria-label="([^"]*)">', page)
    assert len(drawn) == 16
    assert all(len(words) > 40 for words in drawn), "a heading alone does not say what a figure shows"
    for table in re.findall(r"<table.*?</table>", page, flags=re.DOTALL):
        headers = re.findall(r"<th\b([^>]*)>", table)
        assert headers
        assert all('scope="' in header for header in headers)


def test_tables_that_go_on_to_the_right_are_shaded_there_in_light_and_dark(page: str) -> None:
    css = page.split("<style>")[1].split("</style>")[0]
    scroll = next(rule for rule in css.split("}") if rule.strip().startswith(".scroll {"))
    assert "overflow-x: auto" in scroll
    assert "var(--shade)" in scroll
    light, dark = css.split("prefers-color-scheme: dark")
    assert "--shade:" in light
    assert "--shade:" in dark
    for table in re.findall(r"<section id=\"table-.*?</section>", page, flags=re.DOTALL):
        assert '<div class="scroll" tabindex="0" role="region" aria-label=' in table


def test_seconds_are_written_one_way(page: str) -> None:
    table = page.split('id="table-learner-seconds"')[1].split("</section>")[0]
    cells = re.findall(r"<td>([^<]*)", table)
    totals = re.findall(r">([\d.,]+ s)</text>", page.split('id="seconds"')[1].split("</figure>")[0])
    known = [cell for cell in cells if cell != "–"]
    assert len(known) == 17
    assert len(totals) == 2 * len(LABELS)
    for text in (*known, *totals):
        assert re.fullmatch(r"\d\.\d\d s|\d\d\.\d s|[\d,]{3,} s", text), text


def test_what_was_proved_of_each_question_is_shown(
    folder: Path, writer: Callable[..., Path], head: Callable[..., Header]
) -> None:
    assert 'id="table-proofs"' not in build(folder).read_text(encoding="utf-8")
    run = next(run for run in read(folder).runs if run.label == "random" and run.seed == 1)
    radius = {"quantity": "radius", "value": 20.0931, "bound": 20.0931, "gap": 0.0, "seconds": 4.25, "stopped": ""}
    cut_off = {**radius, "bound": 18.5, "gap": 0.0793, "seconds": 61.0, "stopped": "the time limit"}
    proofs = [radius, cut_off, None, None]
    cycles = [dataclasses.replace(one, proof=proof) for one, proof in zip(run.cycles, proofs, strict=True)]
    writer(folder, head("coreset", 1, 4, 100), cycles)
    text = build(folder).read_text(encoding="utf-8")
    table = text.split('id="table-proofs"')[1].split("</section>")[0]
    rows = re.findall(r'<tr><th scope="row">.*?</tr>', table, flags=re.DOTALL)
    assert len(rows) == 1
    assert re.findall("<td>(.*?)</td>", rows[0]) == [
        "20.09<small>proved, 4.25 s</small>",
        "20.09<small>at least 18.5, gap 7.9%, 61.0 s, stopped: the time limit</small>",
    ]
    assert "coreset, seed 1" in rows[0]
    assert re.findall(r'<th scope="col">([\d,]+)</th>', table) == [f"{one.n_labeled:,}" for one in run.cycles[:2]]


def changed_about(folder: Path, **changes: object) -> None:
    path = folder / "experiment.json"
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **changes}), encoding="utf-8")


@pytest.mark.parametrize(
    ("learner", "left_out"),
    [
        (
            {"estimator": "sklearn.svm.SVC"},
            {"backbone", "preset", "pretrained", "mc_passes", "dropout", "warm_start", "finetune"},
        ),
        (
            {"features": "efficientnet-lite0", "head": "svm"},
            {"backbone", "preset", "pretrained", "mc_passes", "dropout", "finetune"},
        ),
        ({"features": "efficientnet-lite0", "finetune": True}, {"backbone", "preset", "pretrained"}),
        ({"backbone": "resnet18"}, set()),
    ],
)
def test_the_configuration_shows_what_the_learner_reads(
    folder: Path, learner: dict[str, Any], left_out: set[str]
) -> None:
    config_module = pytest.importorskip("askew.experiment.config")
    full = config_module.LearnerConfig(**learner).model_dump(mode="json")
    changed_about(folder, config={"name": "made-up", "learner": full})
    shown = set(re.findall(r'<th scope="row">learner\.(\w+)', build(folder).read_text(encoding="utf-8")))
    assert shown == {key for key, value in full.items() if value not in (None, {})} - left_out
    assert LEARNER_KEYS["features"] == config_module.FEATURE_KEYS
    assert LEARNER_KEYS["finetune"] == config_module.FINETUNE_KEYS


def test_several_versions_in_one_folder_are_all_shown(folder: Path) -> None:
    stages = [
        {"since": f"202{i}-01-01T00:00:00+00:00", "versions": {"askew": "0.1.0", "torch": torch}, "machine": {}}
        for i, torch in enumerate(("2.4.0", "2.5.0"))
    ]
    assert "with several versions" not in build(folder).read_text(encoding="utf-8")
    changed_about(folder, history=stages, versions=stages[1]["versions"])
    page = build(folder).read_text(encoding="utf-8")
    assert "Runs of this folder were made with several versions." in page
    assert '<th scope="row">torch</th><td>2.4.0, from 2021-01-01 00:00:00+00:00 on 2.5.0</td>' in page
    assert '<th scope="row">askew</th><td>0.1.0</td>' in page
