"""What docs/video.md says of three clips, counted again in the results."""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_says_what_the_results_hold():
    page = " ".join((ROOT / "docs" / "video.md").read_text(encoding="utf-8").split())
    cases = json.loads((ROOT / "results" / "video-views.json").read_text(encoding="utf-8"))["results"]
    assert len(cases) == 9

    summed = [one["rankings"]["1 - score, summed"]["spearman_fp"] for one in cases]
    plain = [one["rankings"]["the estimate of the thesis"]["spearman_fp"] for one in cases]
    assert sum(a > b for a, b in zip(summed, plain, strict=True)) == 8
    assert "(`--by least-confidence-sum`) is ahead in eight of nine cases" in page

    def own(one, count):
        return next(row for row in one["from_own_frames"] if row["annotated_frames"] == count and row["from"] == "own")

    assert all(own(one, 10)["estimate"][0] > own(one, 10)["text"][0] for one in cases)
    assert not all("estimate" in own(one, 5) and own(one, 5)["estimate"][0] > own(one, 5)["text"][0] for one in cases)
    assert (
        "ten annotated frames rank the others better than the thesis's estimate in all nine cases; five do not" in page
    )

    shift = [one["from_the_other_clips"]["estimate"] - one["from_the_other_clips"]["text"] for one in cases]
    assert sum(x > 0 for x in shift) == 8
    assert round(min(shift), 2) == -0.10
    assert "in eight of nine and worse by 0.10 in one" in page
