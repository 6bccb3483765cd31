"""What README and results/ say of experiments is what their ledgers show, by the rule of the reports."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from askew.report.compare import COLUMNS, rows
from askew.report.csv_files import csv_text
from askew.report.headline import headline
from askew.report.summary import Summary

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    import publish_results

    return publish_results


@pytest.fixture(scope="module")
def summaries(script: ModuleType) -> dict[str, Summary]:
    found: dict[str, Summary] = script.published(ROOT / "results")
    return found


@pytest.mark.parametrize(("path", "folder"), [("README.md", "results/"), ("results/README.md", "")])
def test_what_a_readme_says_of_results_is_what_their_ledgers_show(
    path: str, folder: str, script: ModuleType, summaries: dict[str, Summary]
) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    assert len(script.BLOCK.findall(text)) == 1
    assert script.with_blocks(text, summaries, folder) == text
    outside = script.BLOCK.sub("", text)
    assert not re.search(r"\d[\d.]* points?\b", outside), "a gain outside the block is checked by nobody"


def test_every_published_page_is_what_its_ledgers_show(script: ModuleType, summaries: dict[str, Summary]) -> None:
    assert summaries
    for name, summary in summaries.items():
        folder = ROOT / "results" / name
        about = json.loads((folder / "published.json").read_text(encoding="utf-8"))
        written = (folder / "README.md").read_text(encoding="utf-8")
        assert script.page(summary, about) == written, name
        found = headline(summary)
        for sentence in (found.sentence, *found.details, *found.balance):
            assert f"- {sentence}\n" in written


def test_every_page_of_a_study_is_what_its_ledgers_show(script: ModuleType, summaries: dict[str, Summary]) -> None:
    studies = sorted((ROOT / "results").glob(f"*/{script.STUDY}"))
    assert studies
    for path in studies:
        name, parts = script.read_study_folder(path.parent)
        found = {part: summaries[f"{name}-{part}"] for part in parts if f"{name}-{part}" in summaries}
        left = [part for part in parts if part not in found]
        assert script.study_page(name, found, left) == (path.parent / "README.md").read_text(encoding="utf-8")


def test_a_short_block_says_the_headline_and_its_evidence_in_two_lines(
    script: ModuleType, summaries: dict[str, Summary]
) -> None:
    for name, summary in summaries.items():
        made = script.with_blocks(f"<!-- results: {name} short -->\n<!-- end of results -->\n", summaries, "results/")
        _, _, first, second, *_ = made.splitlines()
        assert first == f"- [{name}](results/{name}/README.md): **{headline(summary).sentence}**"
        best = summary.best
        assert best is not None
        assert best.over_random is not None
        gain = best.over_random.gain
        assert second.startswith(f"  {best.label}, averaged over {summary.n_labeled[0]:,} to ")
        said = re.search(
            r": ([\d.]+) points (above|below) random \(95% interval (−?[\d.]+) to (−?[\d.]+), (\d) seeds\)\.", second
        )
        assert said is not None, second
        away, side, *rest = said.groups()
        numbers = [float(number.replace("−", "-")) for number in ("−" * (side == "below") + away, *rest)]
        assert numbers == pytest.approx([100 * gain.mean, 100 * gain.low, 100 * gain.high, gain.n_seeds], abs=0.05)
        counted = re.findall(r"(Balance|Pseudo-labels) (?:is|are) shown .*?(\d+) of (\d+) comparisons", second)
        compared = {
            kind: [line.over_plain.sign for line in summary.lines if line.over_plain is not None and line.added == kind]
            for kind in ("balance", "pseudo-labels")
        }
        assert counted == [
            (kind.capitalize(), str(signs.count(1)), str(len(signs))) for kind, signs in compared.items() if signs
        ]


def test_the_spread_over_seeds_is_that_of_the_ledgers(script: ModuleType, summaries: dict[str, Summary]) -> None:
    found = json.loads((ROOT / "results" / "seeds.json").read_text(encoding="utf-8"))
    assert found == script.seeds_page.measured(summaries)
    areas = json.loads(script.wins_page.AREAS.read_text(encoding="utf-8"))
    assert areas == {name: script.wins_page.areas(summary) for name, summary in summaries.items()}
    for name, summary in summaries.items():
        random = summary.random
        assert random is not None
        variances = []
        for line in summary.rivals:  # every published run is finished: seed by seed, by the formula of docs/reports.md
            n = line.curves.n_labeled
            both = line.curves.values - random.curves.values
            areas = (np.diff(n) * (both[:, 1:] + both[:, :-1]) / 2).sum(axis=1) / (n[-1] - n[0])
            variances.append(np.var(areas, ddof=1))
        assert found[name]["spread_points"] == pytest.approx(100 * np.sqrt(np.mean(variances)), abs=6e-4)


def test_a_gain_as_large_as_the_page_says_is_shown_as_often_as_it_says(script: ModuleType) -> None:
    rng = np.random.default_rng(0)
    for n in (3, 6):
        gains = rng.normal(script.seeds_page.shown_often(2.0, n), 2.0, size=(20_000, n))
        widths = script.seeds_page.half_width(1.0, n) * gains.std(axis=1, ddof=1)
        assert (gains.mean(axis=1) > widths).mean() == pytest.approx(script.seeds_page.OFTEN, abs=0.01)


def test_a_block_that_is_out_of_date_is_noticed(script: ModuleType, summaries: dict[str, Summary]) -> None:
    name = sorted(summaries)[0]
    text = f"before\n<!-- results: {name} -->\n- entropy is 2.9 points above random.\n<!-- end of results -->\nafter\n"
    made = script.with_blocks(text, summaries, "")
    assert "2.9 points above random." not in made
    assert headline(summaries[name]).sentence in made
    assert made.startswith("before\n")
    assert made.endswith("after\n")


def test_every_comparison_is_what_the_ledgers_show(script: ModuleType, summaries: dict[str, Summary]) -> None:
    for name in script.COMPARED:
        found = script.comparison(name, summaries)
        folder = ROOT / "results" / name
        assert found
        assert (folder / "README.md").read_text(encoding="utf-8") == script.comparison_page(name, found)
        table = (folder / "budget-gains.csv").read_text(encoding="utf-8")
        assert table == csv_text(COLUMNS, rows(found))
