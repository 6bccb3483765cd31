"""A paper's own numbers beside those of an experiment, each of ours with its interval over the seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from askew.errors import InputError
from askew.experiment.paper_config import PaperConfig
from askew.report.headline import seeds, signed, span
from askew.report.ledgers import FULL, RANDOM, Experiment
from askew.report.measures import Curves, Estimate, interval
from askew.report.summary import Line, Summary
from askew.report.tables import EMPTY, Cell, Row, Table

NOT_RUN = Cell("–", "not run here")

TITLES = {"paper": "Beside the paper", "paper-gains": "Gain over the plain method, beside the paper"}

_JUDGED = (
    "ours paired by seed; ▲ or ▼ where the interval leaves out 0. Each cell is judged alone: of twenty without a "
    "difference, one is marked by chance."
)

HOW = {
    "paper": f"Above random: in points, {_JUDGED}",
    "paper-gains": f"In points above the same strategy without balance, after each cycle that asked, {_JUDGED}",
}
"""How each table is to be read."""


def paper_of(experiment: Experiment) -> PaperConfig | None:
    """Returns the numbers that an experiment's configuration has of a paper, or None if it has none.

    Raises:
        InputError: what stands there is not what askew wrote.
    """
    found = experiment.config.get("paper")
    if found is None:
        return None
    try:
        return PaperConfig.model_validate(found)
    except ValueError as error:
        raise InputError(f"{experiment.folder / 'experiment.json'}: config.paper: {error}".split("\n")[0]) from error


def paper_tables(summary: Summary) -> tuple[Table, ...]:
    """Returns the tables that hold an experiment against a paper: of values, of gains over the plain strategy."""
    paper = paper_of(summary.experiment)
    if paper is None or paper.metric != summary.metric:
        return ()
    made = (
        _values(paper, summary) if paper.values else None,
        _gains(paper, summary) if paper.gains else None,
    )
    return tuple(table for table in made if table is not None)


def count_of(paper: PaperConfig, summary: Summary) -> int:
    """Returns the number of labels that the paper's values stand beside: its share of this pool, or the last."""
    if paper.at is None:
        return summary.n_labeled[-1]
    return round(paper.at * summary.experiment.n_items) if paper.at <= 1 else round(paper.at)


def joined(summaries: Mapping[str, Summary]) -> tuple[Table, ...]:
    """Returns the same tables for several experiments together: each row begins with its experiment's name."""
    papers = [paper for one in summaries.values() if (paper := paper_of(one.experiment)) is not None]
    found: dict[tuple[str, tuple[str, ...]], list[Row]] = {}
    for part, one in summaries.items():
        for table in paper_tables(one):
            rows = found.setdefault((table.name, table.columns), [])
            rows += [replace(row, label=f"{part}: {row.label}") for row in table.rows]
    if not found:
        return ()
    first = next(iter(summaries.values()))
    return tuple(
        Table(name, TITLES[name], f"{scale_note(papers)} {HOW[name]} {_seeds(first)}", columns, tuple(rows))
        for (name, columns), rows in found.items()
    )


def scale_note(papers: Sequence[PaperConfig]) -> str:
    """Says what the papers' numbers and ours have in common, and what not."""
    paper = papers[0]
    note = f"The paper’s numbers are those of {'; '.join(dict.fromkeys(one.source for one in papers))}."
    if paper.stands_in:
        note += f" Here, {paper.stands_in}."
    if paper.scale == "desk":
        return (
            f"{note} Ours are at desk scale, smaller than the paper’s protocol: they stand beside its numbers and do "
            "not repeat its measurement."
        )
    return f"{note} Ours follow its protocol as far as its text tells it."


def _values(paper: PaperConfig, summary: Summary) -> Table:
    n = count_of(paper, summary)
    compared = RANDOM in paper.values
    lines = {line.label: line for line in summary.lines}
    rows = []
    for label, value in paper.values.items():
        ours = _ours(label, n, summary)
        cells = [Cell(f"{value:.2f}"), NOT_RUN if ours is None else _estimate(ours, summary)]
        if compared:
            over = "" if label in (RANDOM, FULL) else _sign(f"{value - paper.values[RANDOM]:+.2f}")
            cells += [Cell(over) if over else EMPTY, _over_random(lines.get(label), n, summary) if over else EMPTY]
        rows.append(Row(label, tuple(cells)))
    columns = ("paper", "ours", "paper, above random", "ours, above random") if compared else ("paper", "ours")
    at = f"Ours at {n:,} labels of {summary.experiment.n_items:,}; “{FULL}” has all of them."
    note = f"{scale_note([paper])} {at} {HOW['paper']} {_seeds(summary)}"
    return Table("paper", f"Beside {paper.source}", note, columns, tuple(rows))


def _gains(paper: PaperConfig, summary: Summary) -> Table:
    lines = {line.label: line for line in summary.lines}
    n_cycles = max(len(gains) for gains in paper.gains.values())
    counts = summary.asked_counts[:n_cycles]
    rows = []
    for label, gains in paper.gains.items():
        line = lines.get(label)
        cells: list[Cell] = []
        for cycle in range(n_cycles):
            cells.append(Cell(_sign(f"{gains[cycle]:+.2f}")) if cycle < len(gains) else EMPTY)
            cells.append(NOT_RUN if line is None else _plain_gain(line, counts, cycle, summary))
        rows.append(Row(label, tuple(cells)))
    note = f"{scale_note([paper])} {HOW['paper-gains']} {_seeds(summary)}"
    columns = tuple(f"{whose}, cycle {cycle + 1}" for cycle in range(n_cycles) for whose in ("paper", "ours"))
    return Table("paper-gains", f"{TITLES['paper-gains']}, {paper.source}", note, columns, tuple(rows))


def _seeds(summary: Summary) -> str:
    return f"The intervals of ours are 95%, over {seeds(len(summary.experiment.seeds))}."


def _ours(label: str, n: int, summary: Summary) -> Estimate | None:
    """Returns what a strategy reached with `n` labels, or the whole pool with all; None if it has not."""
    curves: Curves | None
    if label == FULL:
        curves = summary.full
        column = None if curves is None else len(curves.n_labeled) - 1
    else:
        line = next((one for one in summary.lines if one.label == label), None)
        curves, column = (None, None) if line is None else (line.curves, line.column(n))
    if curves is None or column is None or not np.isfinite(curves.values[:, column]).any():
        return None
    mean, low, high, n_seeds = interval(curves.values[:, [column]])
    return Estimate(float(mean[0]), float(low[0]), float(high[0]), int(n_seeds[0]))


def _over_random(line: Line | None, n: int, summary: Summary) -> Cell:
    if line is None or summary.random is None or line.gain is None:
        return NOT_RUN
    gain = line.gain
    at = np.flatnonzero(gain.n_labeled == n)
    return EMPTY if not len(at) else _difference(gain.at(int(at[0])), summary)


def _plain_gain(line: Line, counts: Sequence[int], cycle: int, summary: Summary) -> Cell:
    gain = line.plain_gain
    if gain is None or cycle >= len(counts):
        return EMPTY
    at = np.flatnonzero(gain.n_labeled == counts[cycle])
    return EMPTY if not len(at) else _difference(gain.at(int(at[0])), summary)


def _difference(found: Estimate, summary: Summary) -> Cell:
    if not math.isfinite(found.mean):
        return EMPTY
    return Cell(_points(found.mean, summary), _interval(found, summary), found.sign)


def _estimate(found: Estimate, summary: Summary) -> Cell:
    return Cell(f"{found.mean * summary.scale:.2f}", _interval(found, summary))


def _interval(found: Estimate, summary: Summary) -> str:
    return span(found, summary) if math.isfinite(found.low) else "one seed"


def _points(value: float, summary: Summary) -> str:
    return _sign(f"{value * summary.scale:+.2f}") if summary.percent else signed(value, summary)


def _sign(text: str) -> str:
    return text.replace("-", "−")
