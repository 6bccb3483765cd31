"""The page of results/informativeness/ says what the records beside it say."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from informativeness_page import page

from askew.informativeness import accuracy_of_top
from askew.report.measures import interval

FOLDER = Path(__file__).parents[2] / "results" / "informativeness"


def record(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return found


def test_the_page_is_made_from_the_records() -> None:
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == page(record("analysis.json"), record("foreign.json"))


def test_the_records_agree_with_themselves() -> None:
    """The bins of a score hold all items, and the items asked first can be no worse than those bins allow."""
    for one in record("analysis.json")["measured"]:
        n, right = one["n_unlabeled"], round(one["accuracy_unlabeled"] * one["n_unlabeled"])
        for label, histogram in one["by_score"].items():
            items, hits = np.array(histogram["items"]), np.array(histogram["right"])
            assert (items.sum(), hits.sum()) == (n, right), label
        oracle = accuracy_of_top((np.arange(n) >= right) * 1.0, np.arange(n) < right, one["sizes"])
        np.testing.assert_allclose(one["accuracy_of_top"]["oracle"], oracle)
        histogram = one["by_score"]["dispersion"]  # a bin is one value of dispersion: its order is that of the items
        repeated = np.repeat(np.arange(len(histogram["items"])), histogram["items"])
        hits = np.concatenate([np.arange(k) < h for k, h in zip(histogram["items"], histogram["right"], strict=True)])
        np.testing.assert_allclose(one["accuracy_of_top"]["dispersion"], accuracy_of_top(repeated, hits, one["sizes"]))


def test_the_tables_are_those_of_the_records() -> None:
    told = record("foreign.json")["measured"]
    with (FOLDER / "out-of-distribution.csv").open(encoding="utf-8", newline="") as file:
        rows = {(row["foreign"], row["score"]): row for row in csv.DictReader(file)}
    for split in {one["split"] for one in told}:
        areas = np.array([one["areas"]["dispersion"] for one in told if one["split"] == split])
        mean, low, high, n = interval(areas[:, None])
        row = rows[split, "dispersion"]
        assert int(row["n_seeds"]) == n[0]
        assert [float(row[k]) for k in ("auroc", "low", "high")] == pytest.approx([mean[0], low[0], high[0]])
