"""The axis of time of a project's curve shows when it was trained, however few trainings there are."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("sqlalchemy")
pytest.importorskip("torch")

import matplotlib.dates as mdates

from askew.project.standing import Point
from askew.report.project_figures import curve
from askew.report.style import style

BEGIN = datetime(2026, 11, 25, 16, 20, tzinfo=timezone.utc)


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize(
    ("minutes", "least", "most"),
    [([0], 60, 90), ([0, 2], 60, 90), ([0, 50, 600], 600, 720), ([0, 3 * 365 * 1440], 3 * 365 * 1440, 4 * 365 * 1440)],
)
def test_the_axis_of_time_is_about_as_long_as_the_work(minutes: list[int], least: int, most: int, narrow: bool) -> None:
    metrics = {"accuracy": 0.6, "low": 0.5, "high": 0.7}
    points = [Point(i, BEGIN + timedelta(minutes=m), 20 * (i + 1), metrics) for i, m in enumerate(minutes)]
    with style():
        figure = curve(SimpleNamespace(curve=points, outlook=None), narrow)  # type: ignore[arg-type]
        assert figure is not None
        figure.canvas.draw()
        right = figure.axes[1]
        low, high = right.get_xlim()
        assert least <= 1440 * (high - low) <= most
        assert all(low <= mdates.date2num(one.at) <= high for one in points)
        ticks = np.array([at for at in right.get_xticks() if low <= at <= high])
        assert 2 <= len(ticks) <= 5
        shown = [path.get_extents().height for one in right.collections for path in one.get_paths()]
        assert max(shown) == pytest.approx(20), "the interval is drawn"
        assert len(shown) == (1 if len(points) > 1 else 2)
        words = [text.get_text() for text in right.get_xticklabels()]
        assert len(set(words)) == len(words)
        if most < 1440:
            assert any(":" in word for word in words), "the hours are shown"
            assert "2026" in right.xaxis.get_offset_text().get_text(), "and the day"
