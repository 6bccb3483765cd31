"""The report on disk: complete, self-contained, the same bytes again, and never half of it."""

from __future__ import annotations

import csv
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from askew.errors import InputError
from askew.experiment.ledger import Cycle
from askew.report import build as building
from askew.report.build import build
from askew.report.diagnostics import mean_of_cycles
from askew.report.figures import DRAWINGS, render
from askew.report.ledgers import read
from askew.report.plotting import spread
from askew.report.sheet import strips
from askew.report.style import looks
from askew.report.summary import summarize
from askew.report.tables import tables

LABELS = ("random", "entropy", "entropy+balance")


class Outline(HTMLParser):
    """Checks that tags close in order and collects what a page would fetch."""

    VOID = frozenset({"meta", "img", "br", "wbr", "link", "input", "hr"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for key, value in attrs:
            if key in ("src", "href", "xlink:href", "data", "poster") and not (value or "").startswith(("data:", "#")):
                self.fetched.append(f"{tag} {value}")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small experiment with everything in it, reported once for the tests that only look."""
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("made_up", Path(__file__).with_name("conftest.py"))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    folder: Path = module.make_experiment(tmp_path_factory.mktemp("r") / "e", labels=LABELS, seeds=(0, 1, 2), cycles=4)
    (folder / "runs" / "entropy-seed2" / "failure.txt").write_text("Traceback\nRuntimeError: <b>out of memory</b>\n")
    build(folder)
    return folder


def test_the_page_is_whole_and_fetches_nothing(made: Path) -> None:
    text = (made / "report" / "index.html").read_text(encoding="utf-8")
    outline = Outline()
    outline.feed(text)
    outline.close()
    assert outline.open == []
    assert outline.fetched == []
    assert "url(http" not in text
    assert "@import" not in text
    assert "<script" not in text


def test_the_page_says_what_the_summary_says(made: Path) -> None:
    text = (made / "report" / "index.html").read_text(encoding="utf-8")
    summary = summarize(read(made))
    for table in tables(summary):
        for row in table.rows:
            for cell in row.cells:
                assert cell.text.replace(">", "&gt;").replace("<", "&lt;") in text
    values = next(table for table in tables(summary) if table.name == "values")
    line = summary.lines[2]
    assert values.rows[2].label == "entropy+balance"
    assert values.rows[2].cells[-1].text == f"{100 * line.mean[-1]:.1f} ± {100 * line.std[-1]:.1f}"


def test_a_failure_is_told_plainly_and_as_text(made: Path) -> None:
    text = (made / "report" / "index.html").read_text(encoding="utf-8")
    assert "1 run failed" in text
    assert "entropy, seed 2: failed after 4 cycles: RuntimeError: &lt;b&gt;out of memory&lt;/b&gt;" in text


OF_PSEUDO_LABELS = {"gain-of-pseudo-labels", "two-models"}
"""Figures that only an experiment with pseudo-labels has; `test_pseudo.py` looks at them."""


def test_every_figure_is_there_as_png_and_svg(made: Path) -> None:
    for drawing in (one for one in DRAWINGS if one.name not in OF_PSEUDO_LABELS):
        assert (made / "report" / f"{drawing.name}.png").read_bytes().startswith(b"\x89PNG"), drawing.name
        root = ET.parse(made / "report" / f"{drawing.name}.svg").getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert (made / "report" / "asked-first.png").is_file()


def test_the_manifest_lists_what_is_there(made: Path) -> None:
    manifest = json.loads((made / "report" / "report.json").read_text())
    assert sorted([*manifest["files"], "report.json", ".askew-written.json"]) == sorted(
        p.name for p in (made / "report").iterdir()
    )


def test_curves_csv_holds_every_measurement_unrounded(made: Path) -> None:
    with (made / "report" / "curves.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    written = {
        (run.label, run.seed, cycle.number, metric): value
        for run in read(made).runs
        for cycle in run.cycles
        for metric, value in cycle.metrics.items()
    }
    found = {(r["label"], int(r["seed"]), int(r["cycle"]), r["metric"]): float(r["value"]) for r in rows}
    assert found == written


def test_gains_and_summary_csv_agree_with_numpy(made: Path) -> None:
    with (made / "report" / "gains.csv").open(encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if (r["label"], r["over"]) == ("entropy+balance", "entropy")]
    found = read(made)
    balanced = np.array([[c.metrics["accuracy"] for c in run.cycles] for run in found.of("entropy+balance")])
    plain = np.array([[c.metrics["accuracy"] for c in run.cycles] for run in found.of("entropy")])
    np.testing.assert_allclose([float(r["mean"]) for r in rows], (balanced - plain).mean(axis=0))
    half = 4.302653 * (balanced - plain).std(axis=0, ddof=1) / 3**0.5
    np.testing.assert_allclose([float(r["high"]) - float(r["mean"]) for r in rows], half, rtol=1e-6)


def test_average_gains_csv_agrees_with_numpy(made: Path) -> None:
    with (made / "report" / "average-gains.csv").open(encoding="utf-8") as file:
        (row,) = [r for r in csv.DictReader(file) if (r["label"], r["over"]) == ("entropy+balance", "entropy")]
    found = read(made)
    curves = {
        label: np.array([[c.metrics["accuracy"] for c in run.cycles] for run in found.of(label)])
        for label in ("entropy", "entropy+balance")
    }
    areas = {label: ((values[:, 1:] + values[:, :-1]) / 2).mean(axis=1) for label, values in curves.items()}
    difference = areas["entropy+balance"] - areas["entropy"]
    assert (row["from_labels"], row["to_labels"], row["n_seeds"]) == ("200", "500", "3")
    assert float(row["mean"]) == pytest.approx(difference.mean())
    half = 4.302653 * difference.std(ddof=1) / 3**0.5
    assert float(row["mean"]) - float(row["low"]) == pytest.approx(half, rel=1e-6)


def test_the_same_ledgers_give_the_same_bytes(made: Path, tmp_path: Path) -> None:
    build(made, tmp_path / "again")
    for path in sorted((made / "report").iterdir()):
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes(), path.name


def test_page_colours_are_variables_that_both_modes_define(made: Path) -> None:
    text = (made / "report" / "index.html").read_text(encoding="utf-8")
    used = set(re.findall(r"var\(--([\w-]+)\)", text))
    light, dark = text.split("prefers-color-scheme: dark")
    assert used <= set(re.findall(r"--([\w-]+):", light)) | {"sans"}
    assert used - {"sans"} <= set(re.findall(r"--([\w-]+):", dark.split("</style>")[0]))
    drawn = "".join(re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL))
    assert not re.findall(r"#[0-9a-f]{6}\b", drawn)


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets a report be one small file, for the tests of where it goes."""
    monkeypatch.setattr(building, "_render", lambda summary: {"index.html": summary.metric.encode()})


@pytest.mark.usefixtures("bare")
def test_an_interrupted_report_leaves_the_old_one(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    page = build(made, out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    real, calls = Path.rename, []

    def fails(source: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) == 4:
            raise OSError("no space left")
        return real(source, target)

    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(OSError, match="no space left"):
        build(made, out, metric="balanced_accuracy")
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert page.read_text() == "accuracy"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.usefixtures("bare")
def test_a_report_takes_the_place_of_an_earlier_one(made: Path, tmp_path: Path) -> None:
    build(made, tmp_path / "out")
    (tmp_path / "out" / "notes.txt").write_text("mine")
    assert build(made, tmp_path / "out", metric="balanced_accuracy").read_text() == "balanced_accuracy"
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.usefixtures("bare")
def test_what_askew_did_not_write_is_not_replaced(made: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"a")
    with pytest.raises(InputError, match="holds no report: choose another folder"):
        build(made, tmp_path / "photos")
    with pytest.raises(InputError, match="is a file"):
        build(made, tmp_path / "photos" / "a.jpg")
    with pytest.raises(InputError, match="holds no report"):
        build(made, made)
    page = build(made, tmp_path / "report")
    page.write_text("edited by hand")
    with pytest.raises(InputError, match=r"index\.html: was not written by askew, or was changed since"):
        build(made, tmp_path / "report")
    assert page.read_text() == "edited by hand"
    assert (tmp_path / "photos" / "a.jpg").read_bytes() == b"a"


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("text", ["", "null", "[1]", '{"files": 3}', '{"files": [[1]]}', "[" * 100_000, "\udcff"])
def test_a_report_whose_own_files_are_damaged_is_no_traceback(made: Path, tmp_path: Path, text: str) -> None:
    build(made, tmp_path / "out")
    (tmp_path / "out" / "report.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(InputError, match=r"report\.json: was not written by askew, or was changed since"):
        build(made, tmp_path / "out")
    (tmp_path / "out" / ".askew-written.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(InputError, match="is damaged"):
        build(made, tmp_path / "out")


def test_a_run_of_one_cycle_and_one_seed_makes_a_page(experiment: Callable[..., Path]) -> None:
    folder = experiment(labels=("random",), seeds=(0,), cycles=1, full=False, thumbnails=False)
    assert "Only random was run" in build(folder).read_text(encoding="utf-8")


def test_an_unfinished_experiment_says_so(experiment: Callable[..., Path], cut: Callable[[Path, int], None]) -> None:
    folder = experiment(labels=("random", "entropy"), seeds=(0, 1), cycles=5, full=False, thumbnails=False)
    cut(folder / "runs" / "entropy-seed1" / "ledger.jsonl", 2)
    text = build(folder).read_text(encoding="utf-8")
    assert "1 run is not finished" in text
    assert "entropy, seed 1: 2 of 5 cycles" in text
    assert "entropy is shown up to 300 labels, which all of its seeds reached." in text


def test_many_classes_and_narrow_figures(experiment: Callable[..., Path]) -> None:
    folder = experiment(labels=LABELS, seeds=(0, 1), cycles=3, n_classes=40, budget=80, thumbnails=False)
    drawn = {one.drawing.name for one in render(summarize(read(folder)))}
    assert drawn == {drawing.name for drawing in DRAWINGS} - OF_PSEUDO_LABELS


def test_a_balanced_strategy_has_the_colour_of_its_plain_one(made: Path) -> None:
    look = looks(summarize(read(made)).lines)
    assert look["entropy"].colour == look["entropy+balance"].colour != look["random"].colour
    assert look["entropy"].dashes
    assert not look["entropy+balance"].dashes


def test_the_contact_sheet_shows_what_was_asked_first(made: Path) -> None:
    found = read(made)
    with np.load(made / "thumbnails.npz") as file:
        pixels = dict(zip(file["items"].tolist(), file["pixels"], strict=True))
    for strip in strips(found):
        cycle = found.of(strip.label)[0].cycles[0]
        assert [picture.item for picture in strip.pictures] == list(cycle.asked[:16])
        assert [picture.truth for picture in strip.pictures] == [found.classes[c] for c in cycle.asked_labels[:16]]
        np.testing.assert_array_equal(strip.pictures[3].pixels, pixels[strip.pictures[3].item])


def test_thumbnails_carry_the_file_and_what_the_model_predicted(
    experiment: Callable[..., Path], writer: Any, head: Any
) -> None:
    folder = experiment(labels=("random",), seeds=(0,), cycles=2, full=False, thumbnails=False)
    cycles = [
        Cycle(0, 10, {"accuracy": 0.5}, (1,) * 10, (7, 5, 6), (2, 3, 0), predicted=(2, 9, None)),
        Cycle(1, 13, {"accuracy": 0.6}, (1,) * 10),
    ]
    writer(folder, head("margin", 0, 2, 3, initial=(1,)), cycles)
    names = np.array(["coat/b.jpg", "coat/c\n.jpg", "shirt/<a>.jpg"])
    np.savez(folder / "thumbnails.npz", items=[5, 6, 7], pixels=np.zeros((3, 8, 8, 3), np.uint8), names=names)
    (strip,) = strips(read(folder))
    assert [(one.item, one.truth, one.predicted, one.wrong, one.called) for one in strip.pictures] == [
        (7, "Pullover", "Pullover", False, "shirt/<a>.jpg"),
        (5, "Dress", "Ankle boot", True, "coat/b.jpg"),
        (6, "T-shirt", "", False, "coat/c\\n.jpg"),
    ]
    text = build(folder).read_text(encoding="utf-8")
    for said in ("shirt/&lt;a&gt;.jpg: Pullover, predicted Pullover", "coat/b.jpg: Dress, predicted Ankle boot"):
        assert f'alt="{said}"' in text
    assert "<span>predicted Pullover</span>" in text
    assert "with the true class, the class that the model predicted before it was told and the file." in text
    assert '<span class="wrong">predicted Ankle boot</span>' in text


def test_thumbnails_of_earlier_versions_are_shown_without_names(made: Path) -> None:
    with np.load(made / "thumbnails.npz") as file:
        assert "names" not in file
    text = (made / "report" / "index.html").read_text(encoding="utf-8")
    picture = strips(read(made))[0].pictures[0]
    assert f'alt="item {picture.item}: {picture.truth}"' in text
    shown = text.split('id="asked-first"')[1].split("</section>")[0]
    assert "<span>predicted" not in shown
    assert "best first, with the true class and the number of the item." in shown


def test_thumbnails_of_another_kind_are_refused(experiment: Callable[..., Path]) -> None:
    folder = experiment(labels=("random",), seeds=(0,), cycles=2)
    np.savez(folder / "thumbnails.npz", items=np.arange(3), pixels=np.zeros((3, 8, 8)))
    with pytest.raises(InputError, match=r"expected items \(K,\) and pixels"):
        strips(read(folder))
    (folder / "thumbnails.npz").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"thumbnails\.npz: "):
        strips(read(folder))
    pixels = np.zeros((3, 8, 8, 3), np.uint8)
    for wrong in (
        {"items": np.arange(3)},
        {"items": np.array(3), "pixels": pixels},
        {"items": np.arange(3.0), "pixels": pixels},
        {"items": np.array(["a", "b", "c"]), "pixels": pixels},
        {"items": np.arange(3), "pixels": np.zeros((3, 0, 8, 3), np.uint8)},
        {"items": np.arange(4), "pixels": pixels},
        {"items": np.arange(3), "pixels": pixels, "names": np.array(["a", "b"])},
        {"items": np.arange(3), "pixels": pixels, "names": np.arange(3)},
    ):
        np.savez(folder / "thumbnails.npz", **wrong)
        with pytest.raises(InputError, match=r"thumbnails\.npz: "):
            strips(read(folder))
    whole = (folder / "thumbnails.npz").read_bytes()
    for end in range(0, len(whole), 97):
        (folder / "thumbnails.npz").write_bytes(whole[:end])
        with pytest.raises(InputError, match=r"thumbnails\.npz: "):
            strips(read(folder))


def test_learner_seconds_are_those_of_the_trainings(made: Path) -> None:
    found = read(made)
    (table,) = [table for table in tables(summarize(found)) if table.name == "learner-seconds"]
    assert table.columns == ("200", "300", "400", "500", "10,000")
    rows = {row.label: [cell.text for cell in row.cells] for row in table.rows}
    for label in ("entropy", "full"):
        runs = found.of(label)
        means = [sum(r.cycles[k].seconds["fit"] for r in runs) / 3 for k in range(len(runs[0].cycles))]
        written = [f"{mean:.2f} s" if mean < 10 else f"{mean:.1f} s" for mean in means]
        assert rows[label] == ([*written, "–"] if label == "entropy" else [*"–" * 4, *written])
    assert "1 thread; runs side by side" in table.note


def test_the_mean_of_a_cycle_counts_cycles_that_lack_a_phase(
    experiment: Callable[..., Path], writer: Any, head: Any
) -> None:
    # the last cycle asks nothing: its query took no time, and a run of two cycles spent half as much a cycle
    folder = experiment(labels=("random",), seeds=(0,), cycles=2, full=False)
    first = Cycle(0, 10, {"accuracy": 0.5}, (1,) * 10, (1, 2), (0, 0), {"fit": 1.0, "query": 0.4})
    last = Cycle(1, 12, {"accuracy": 0.6}, (1,) * 10, seconds={"fit": 3.0})
    writer(folder, head("margin", 0, 2, 2, initial=(7,)), [first, last])
    assert mean_of_cycles(read(folder), "margin") == {"fit": 2.0, "query": 0.2}


def test_labels_never_overlap_and_stay_inside() -> None:
    places = spread(np.array([0.0, 1.0, 2.0, 99.0, 99.5, 100.0]), 10.0, 0.0, 100.0)
    assert (np.diff(places) >= 10 - 1e-9).all()
    assert places[0] >= 0
    assert places[-1] <= 100
    np.testing.assert_allclose(spread(np.array([5.0, 50.0]), 10.0, 0.0, 100.0), [5, 50])
