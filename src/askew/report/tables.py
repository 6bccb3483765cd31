"""The tables of a report, as rows of text for the page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from askew.report.diagnostics import labeled_l1_scores, mean_seconds
from askew.report.forecasts import WORTH, Outlook, outlooks
from askew.report.headline import duration, needed, saved, saved_span, seeds, signed, span
from askew.report.ledgers import FULL
from askew.report.measures import Curves, Estimate, mean_std_at
from askew.report.pseudo import pseudo_lines
from askew.report.savings import Saving
from askew.report.summary import ADDED, Line, Summary


@dataclass(frozen=True)
class Cell:
    """One cell: what it says, smaller words below, and whether it is above (1) or below (-1) its rival."""

    text: str
    small: str = ""
    sign: int = 0


@dataclass(frozen=True)
class Row:
    """One strategy's cells."""

    label: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """A table of the page."""

    name: str
    title: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


EMPTY = Cell("–")


def plain_text(table: Table) -> list[str]:
    """Writes a table for a terminal, a line a row; an interval stands in brackets behind its number."""

    def written(cell: Cell) -> str:
        mark = "▲" if cell.sign > 0 else "▼" if cell.sign < 0 else ""
        return cell.text + mark + (f" [{cell.small}]" if cell.small else "")

    rows = [["", *table.columns], *([row.label, *map(written, row.cells)] for row in table.rows)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(one.ljust(width) for one, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [table.title, *(f"  {line}" for line in lines)]


LEARNING = "fit"
"""The phase of a cycle in which the learner trains."""


def tables(summary: Summary) -> tuple[Table, ...]:
    """Returns the tables that the experiment has something for, in the order of the page."""
    made = (
        _values(summary),
        _savings(summary),
        _forecasts(summary),
        _plain_gains(summary, ADDED[0], "gains", "What balance added at each label count", "balanced strategies"),
        _plain_gains(
            summary,
            ADDED[1],
            "pseudo-gains",
            "What pseudo-labels added at each label count",
            "strategies with pseudo-labels",
        ),
        _models(summary),
        _relative(summary),
        _l1(summary),
        _learner_seconds(summary),
        _proofs(summary),
    )
    return tuple(table for table in made if table is not None and table.rows)


def _values(summary: Summary) -> Table:
    def cell(line: Line, n: int) -> Cell:
        k = line.column(n)
        if k is None or not math.isfinite(line.mean[k]):
            return EMPTY
        of = int(line.n_seeds[k])
        few = f"{of} of {len(line.curves.seeds)} seeds" if of < len(line.curves.seeds) else ""
        at = None if line.gain is None else next((i for i, m in enumerate(line.gain.n_labeled) if m == n), None)
        return Cell(
            _mean_std(line.mean[k], line.std[k], summary),
            few,
            0 if at is None or line.gain is None else line.gain.at(at).sign,
        )

    rows = [Row(line.label, tuple(cell(line, n) for n in summary.n_labeled)) for line in summary.lines]
    note = "Mean ± standard deviation over seeds."
    if summary.full is not None:
        mean, std, n_seeds = _full(summary)
        everything = f"{int(summary.full.n_labeled[-1]):,} labels"
        note += f" Training on all {everything} gives {_mean_std(mean, std, summary)} ({seeds(n_seeds)})."
    if summary.compared:
        note += (
            " ▲ above and ▼ below random: the 95% interval of the difference, paired by seed, leaves out 0. Each cell "
            "is judged alone: of twenty without a difference, one is marked by chance."
        )
    title = (
        summary.metric.replace("_", " ").capitalize()
        + (", %," if summary.percent else "")
        + " at each number of labels"
    )
    return Table("values", title, note, _count_columns(summary.n_labeled), tuple(rows))


def _savings(summary: Summary) -> Table | None:
    lines = [line for line in summary.lines if line.savings and line.over_random is not None]
    counts = summary.asked_counts
    if not lines or not counts:
        return None
    rows = []
    for line in lines:
        savings, found, end = line.savings or {}, line.over_random, line.saving
        if found is None or end is None:
            continue
        first = (
            _gain_cell(found.gain, summary, found.sign),
            Cell(needed(end.random_needs, end)),
            Cell(needed(end.needs, end)),
        )
        rows.append(Row(line.label, (*first, *(_saved_cell(savings.get(n), found.sign) for n in counts))))
    last = f"{counts[-1]:,}"
    note = (
        "“random needs” and “needs”: labels for the highest level that both reach, as in the figure. "
        f"“saved at {last}”: how many labels fewer the strategy needs for what both reach with {last}, with the "
        "interval below; a negative number is labels wasted. ▲ or ▼: a saving or a waste is shown. “none”: the average "
        f"gain over random is not shown, so no saving is claimed. {_several(len(summary.rivals))}"
    )
    if len(summary.rivals) < len(summary.compared):
        note += " Strategies that read the true labels are bounds: their intervals are widened for themselves alone."
    columns = ("average gain", "random needs", "needs", *(f"saved at {n:,}" for n in counts))
    return Table("savings", "Labels saved at each label count", note, columns, tuple(rows))


def _saved_cell(saving: Saving | None, shown: int) -> Cell:
    if saving is None:
        return EMPTY
    if not math.isfinite(saving.low):
        return Cell("–", "one seed")
    if not shown:
        return Cell("none", saved_span(saving))
    return Cell(saved(saving), saved_span(saving), saving.sign)


def _forecasts(summary: Summary) -> Table | None:
    found = outlooks(summary)
    if not found:
        return None
    level, points = f"{100 * found[0].found.level:.0f}%", f"{100 * WORTH:g} point"
    step = " or ".join(f"{one:,}" for one in sorted({int(one.found.at[0]) - one.n_labeled for one in found}))
    note = (
        f"From each strategy’s own curve, with the {level} interval below. “{step} more”: what the mean curve rises, "
        "without the luck of a training; “measured then” has that luck too. “as many again”: twice the labels so far, "
        f"or the whole pool. “stop”: the interval of what as many again bring ends below {points}. For another gain: "
        "askew forecast with --gain. docs/forecast.md says how often such intervals held."
    )
    columns = ("so far", f"{step} more", "measured then", "as many again", "measured then", "stop or go on")
    rows = tuple(Row(one.label, _forecast_cells(one, summary)) for one in found)
    return Table("forecast", "What the next labels are likely to bring", note, columns, rows)


def _forecast_cells(one: Outlook, summary: Summary) -> tuple[Cell, ...]:
    found = one.found
    cells = [Cell(_value(one.value, summary), f"{one.n_labeled:,} labels")]
    for k in range(2):
        if k >= len(found.at):
            cells += [EMPTY, EMPTY]
            continue
        gain = Estimate(float(found.gain[k]), float(found.gain_low[k]), float(found.gain_high[k]), one.n_seeds)
        then = Estimate(float(found.median[k]), float(found.low[k]), float(found.high[k]), one.n_seeds)
        cells += [_gain_cell(gain, summary, 0), Cell(_value(then.mean, summary), span(then, summary))]
    return (*cells, Cell("stop" if one.stop else "go on"))


def _several(n: int) -> str:
    if n < 2:
        return "Intervals are 95%."
    return f"Intervals are widened for {n} strategies together (Holm’s procedure, 5%); that of the average gain is 95%."


def _gain_cell(estimate: Estimate, summary: Summary, sign: int) -> Cell:
    if not math.isfinite(estimate.mean):
        return EMPTY
    interval = span(estimate, summary) if math.isfinite(estimate.low) else "one seed"
    return Cell(signed(estimate.mean, summary), interval, sign)


def _plain_gains(summary: Summary, added: str, name: str, title: str, among: str) -> Table | None:
    counts = summary.asked_counts

    rows = []
    for line in summary.lines:
        gain, found = line.plain_gain, line.over_plain
        if gain is None or found is None or line.added != added:
            continue
        at = {int(n): gain.at(k) for k, n in enumerate(gain.n_labeled)}
        cells = (_gain_cell(at[n], summary, at[n].sign) if n in at else EMPTY for n in counts)
        rows.append(Row(f"{line.label} over {line.plain}", (_gain_cell(found.gain, summary, found.sign), *cells)))
    note = (
        f"With the 95% interval below. “average”: over all label counts, marked ▲ or ▼ if shown among all {among} "
        "(Holm’s procedure, 5%). Each other cell is judged alone: of twenty without a difference, one is "
        "marked by chance."
    )
    return Table(name, title, note, ("average", *_count_columns(counts)), tuple(rows))


def _models(summary: Summary) -> Table:
    """Returns models A and B at each label count, and how many pseudo-labels there were and how many of them right."""
    rows = []
    for one in pseudo_lines(summary):
        label = one.line.label
        for name, curves in (("model A", one.teacher), ("model B", one.line.curves)):
            if one.teacher is not None and curves is not None:
                at = _at_counts(curves)
                cells = tuple(Cell(_mean_std(*at[n], summary)) if n in at else EMPTY for n in summary.n_labeled)
                rows.append(Row(f"{label}, {name}", cells))
        count, right = _at_counts(one.count), {} if one.right is None else _at_counts(one.right)
        cells = tuple(
            Cell(f"{100 * right[n][0]:.1f}" if n in right else "–", f"of {count[n][0]:,.0f}") if n in count else EMPTY
            for n in summary.n_labeled
        )
        rows.append(Row(f"{label}, pseudo-labels right", cells))
    note = (
        "Mean ± standard deviation over seeds. Model A is trained on the labels alone and gives the pseudo-labels; "
        "model B is trained on both and asks. “pseudo-labels right”: the percentage, and how many there were, means "
        "over seeds."
    )
    title = "Models A and B, and the pseudo-labels"
    return Table("models", title, note, _count_columns(summary.n_labeled), tuple(rows))


def _at_counts(curves: Curves) -> dict[int, tuple[float, float]]:
    """Returns the mean and the standard deviation over seeds at each label count that a seed was measured at."""
    mean, std, n_seeds = mean_std_at(curves)
    return {int(n): (float(mean[k]), float(std[k])) for k, n in enumerate(curves.n_labeled) if n_seeds[k]}


def _relative(summary: Summary) -> Table | None:
    if summary.full is None:
        return None
    rows = []
    for line in summary.lines:
        if line.relative is None:
            continue
        means = line.relative.values
        cells = []
        for n in summary.n_labeled:
            k = line.column(n)
            known = [] if k is None else [value for value in means[:, k] if math.isfinite(value)]
            cells.append(Cell(f"{100 * sum(known) / len(known):.1f}") if known else EMPTY)
        rows.append(Row(line.label, tuple(cells)))
    mean, _, n_seeds = _full(summary)
    everything = f"{int(summary.full.n_labeled[-1]):,} labels"
    note = f"Percent of what training on all {everything} reaches: {_value(mean, summary)} ({seeds(n_seeds)})."
    return Table("relative", "Relative to training on everything", note, _count_columns(summary.n_labeled), tuple(rows))


def _l1(summary: Summary) -> Table:
    rows = []
    for line in summary.lines:
        counts, scores = labeled_l1_scores(summary.experiment, line.label)
        of = dict(zip(counts.tolist(), scores.tolist(), strict=True))
        rows.append(Row(line.label, tuple(Cell(f"{of[n]:.3f}") if n in of else EMPTY for n in summary.n_labeled)))
    return Table(
        "l1",
        "L1 score of the labeled set",
        "0 is equal shares of the classes, 1 is one class only. Mean over seeds.",
        _count_columns(summary.n_labeled),
        tuple(rows),
    )


def _learner_seconds(summary: Summary) -> Table | None:
    experiment = summary.experiment
    labels = [line.label for line in summary.lines] + ([FULL] if summary.full is not None else [])
    found = {label: mean_seconds(experiment, label) for label in labels}
    counts = sorted({n for of_label in found.values() for n in of_label})
    if not counts:
        return None

    def cell(label: str, n: int) -> Cell:
        phases, n_seeds = found[label].get(n, ({}, 0))
        if LEARNING not in phases:
            return EMPTY
        few = len(experiment.of(label))
        return Cell(duration(phases[LEARNING]), f"{n_seeds} of {few} seeds" if n_seeds < few else "")

    rows = tuple(Row(label, tuple(cell(label, n) for n in counts)) for label in labels if found[label])
    headers = [run.header for run in experiment.runs if run.header is not None]
    threads = sorted({header.threads for header in headers})
    note = (
        "Seconds by the clock of the training alone, mean over seeds. "
        f"A run computed with {' or '.join(map(str, threads))} "
        f"{'thread' if threads == [1] else 'threads'}; runs side by side slow each other."
    )
    return Table(
        "learner-seconds", "Seconds of a training at each number of labels", note, _count_columns(counts), rows
    )


def _proofs(summary: Summary) -> Table | None:
    proved = {
        f"{label}, seed {run.seed}": {one.n_labeled: one.proof for one in run.cycles if one.proof is not None}
        for label in summary.experiment.labels
        for run in summary.experiment.of(label)
    }
    proved = {name: found for name, found in proved.items() if found}
    counts = sorted({n for found in proved.values() for n in found})
    rows = tuple(Row(name, tuple(_proof_cell(found.get(n)) for n in counts)) for name, found in proved.items())
    names = sorted({str(proof["quantity"]) for found in proved.values() for proof in found.values()})
    note = (
        f"The {' or '.join(names)} of what was asked in each cycle, at the number of labels before it. “proved”: no "
        "other choice of as many items has less. Otherwise the bound that none can be below, the gap between the two "
        "as a share of the first, and why the search ended there. Seconds are by the clock, of the choice alone."
    )
    return Table("proofs", "What was proved of the questions", note, _count_columns(counts), rows) if rows else None


def _proof_cell(proof: Mapping[str, Any] | None) -> Cell:
    if proof is None:
        return EMPTY
    took = duration(proof["seconds"])
    if proof["gap"] == 0:
        return Cell(f"{proof['value']:.4g}", f"proved, {took}")
    gap = f"at least {proof['bound']:.4g}, gap {100 * proof['gap']:.2g}%"
    return Cell(f"{proof['value']:.4g}", f"{gap}, {took}, stopped: {proof['stopped']}")


def _full(summary: Summary) -> tuple[float, float, int]:
    reached = [] if summary.full is None else summary.full.values[:, -1].tolist()
    known = [value for value in reached if math.isfinite(value)]
    mean = sum(known) / len(known)
    std = math.sqrt(sum((v - mean) ** 2 for v in known) / (len(known) - 1)) if len(known) > 1 else math.nan
    return mean, std, len(known)


def _count_columns(counts: Sequence[int]) -> tuple[str, ...]:
    return tuple(f"{n:,}" for n in counts)


def _value(value: float, summary: Summary) -> str:
    return f"{value * summary.scale:.1f}" if summary.percent else f"{value:.4g}"


def _mean_std(mean: float, std: float, summary: Summary) -> str:
    return _value(mean, summary) + (f" ± {_value(std, summary)}" if math.isfinite(std) else "")
