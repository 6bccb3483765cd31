"""The first sentences of a report: what the labels bought, claimed only where the seeds can show it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from askew.report.ledgers import RANDOM
from askew.report.measures import FEWEST_SEEDS, Estimate, LabelsNeeded
from askew.report.summary import Line, Summary


@dataclass(frozen=True)
class Headline:
    """What stands at the top: one sentence, those that bear it out, and whether it claims a gain.

    Attributes:
        sentence: the headline.
        details: further sentences, each with its interval.
        claims: whether a gain over random is claimed.
    """

    sentence: str
    details: tuple[str, ...]
    claims: bool


def headline(summary: Summary) -> Headline:
    """Returns the headline: the best strategy by its gain over random, averaged over the label counts.

    A gain is claimed only if its interval leaves out 0 even when widened for having picked the best of all strategies
    (Bonferroni). An interval that covers 0 is "no difference that n seeds can show"; one or two seeds claim nothing.
    """
    balance = tuple(_balance_sentence(line, summary) for line in summary.lines if line.plain_area_gain is not None)
    if summary.random is None:
        return Headline(*_without_random(summary, balance), claims=False)
    if not summary.rivals:
        return Headline("Only random was run: there is nothing to compare it with.", balance, claims=False)
    best = max(summary.rivals, key=_mean_gain)
    gain, corrected = best.area_gain, best.corrected
    if gain is None or corrected is None or gain.n_seeds == 0:
        return Headline("No label count has been measured by random and another strategy yet.", balance, claims=False)
    if gain.n_seeds < FEWEST_SEEDS:
        return Headline(*_too_few(best, gain, summary, balance), claims=False)
    if corrected.sign > 0:
        return Headline(*_claimed(best, gain, corrected, summary, balance), claims=True)
    if gain.sign > 0:
        sentence = (
            f"{best.label} led random by {points(gain.mean, summary)}, but {seeds(gain.n_seeds)} do not prove it."
        )
        detail = f"Its own 95% interval is {span(gain, summary)}; {_correction(corrected, summary)}."
        return Headline(sentence, (detail, *balance), claims=False)
    sentence = f"No strategy asked better than random by a difference that {seeds(gain.n_seeds)} can show."
    nearest = "The best mean is" if gain.mean > 0 else "Even the best mean is not above random:"
    interval = f"95% interval {span(gain, summary)}"
    detail = f"{nearest} {best.label}, {signed(gain.mean, summary)}{unit(summary)}, {_averaged(gain)} ({interval})."
    return Headline(sentence, (detail, *balance), claims=False)


def _claimed(
    best: Line, gain: Estimate, corrected: Estimate, summary: Summary, balance: tuple[str, ...]
) -> tuple[str, tuple[str, ...]]:
    average = (
        f"{_averaged(gain).capitalize()} it is {points(gain.mean, summary)} above random "
        f"(95% interval {span(gain, summary)}, {seeds(gain.n_seeds)}; {_correction(corrected, summary)})."
    )
    needed, surely, last = best.to_random_end, best.corrected_to_random_end, _last_of_random(summary)
    if needed is not None and surely is not None and not needed.labels_censored and surely.high < last:
        saved = round(100 * (1 - needed.labels / last))
        few = f"{whole(needed.labels)} labels"
        sentence = f"{best.label} reaches with {few} what random reaches with {last:,}: {saved}% fewer."
        interval = f"The 95% interval is {needed_span(needed)} labels ({seeds(needed.n_seeds)}, paired)."
        return sentence, (interval, average, *balance)
    sentence = f"{best.label} is {points(gain.mean, summary)} of {summary.metric.replace('_', ' ')} above random."
    return sentence, (average, *balance)


def _correction(corrected: Estimate, summary: Summary) -> str:
    n = len(summary.rivals)
    if n == 1:
        return "the only one compared"
    return f"{span(corrected, summary)} when corrected for being the best of {n}"


def _too_few(best: Line, gain: Estimate, summary: Summary, balance: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    one = gain.n_seeds == 1
    sentence = "One seed: no error bar, so no claim." if one else f"{seeds(gain.n_seeds)}: too few for a claim."
    interval = "" if one else f" (95% interval {span(gain, summary)})"
    how_far = f"{signed(gain.mean, summary)}{unit(summary)} from random{interval}"
    return sentence, (f"{_averaged(gain).capitalize()} {best.label} is {how_far}.", *balance)


def _without_random(summary: Summary, balance: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    usable = [line for line in summary.lines if not line.knows_truth] or summary.lines
    best = max(usable, key=lambda line: float(line.mean[-1]))
    reached = f"{best.mean[-1] * summary.scale:.1f}{'%' if summary.percent else ''}"
    count = f"{int(best.curves.n_labeled[-1]):,} labels"
    detail = f"The highest mean at a last label count is {best.label}’s: {reached} with {count}."
    return f"Nothing to hold the strategies against: no run is labelled “{RANDOM}”.", (detail, *balance)


def _balance_sentence(line: Line, summary: Summary) -> str:
    gain = line.plain_area_gain
    if gain is None or gain.n_seeds == 0:
        return f"{line.label} and {line.plain} have no label count in common yet."
    where, interval = _averaged(gain), f"95% interval {span(gain, summary)}"
    if gain.n_seeds < FEWEST_SEEDS:
        far = f"{signed(gain.mean, summary)}{unit(summary)}"
        return f"{line.label} is {far} from {line.plain}, {where}; {seeds(gain.n_seeds)}, so no claim."
    if gain.sign == 0:
        return f"{line.label} and {line.plain}: no difference that {seeds(gain.n_seeds)} can show ({interval})."
    side = "above" if gain.sign > 0 else "below"
    how_far = points(abs(gain.mean), summary)
    return f"{line.label} is {how_far} {side} {line.plain}, {where} ({interval}, {seeds(gain.n_seeds)})."


def _mean_gain(line: Line) -> float:
    gain = line.area_gain
    return gain.mean if gain is not None and math.isfinite(gain.mean) else -math.inf


def _averaged(gain: Estimate) -> str:
    first, last = gain.over or (0, 0)
    return f"averaged over {first:,} to {last:,} labels"


def _last_of_random(summary: Summary) -> int:
    return int(summary.random.curves.n_labeled[-1]) if summary.random is not None else 0


def whole(labels: float) -> str:
    """Writes a number of labels: up to the next whole one."""
    return f"{math.ceil(labels - 1e-9):,}"


def points(value: float, summary: Summary) -> str:
    """Writes a difference with its unit: `2.3 points`, or the bare number if the metric is no share."""
    return f"{value * summary.scale:.1f} points" if summary.percent else f"{value:.3g}"


def unit(summary: Summary) -> str:
    """Returns the unit of a difference with its space, or nothing if the metric is no share."""
    return " points" if summary.percent else ""


def signed(value: float, summary: Summary) -> str:
    """Writes a difference with its sign, without a unit; a minus is a minus, not a hyphen."""
    text = f"{value * summary.scale:+.1f}" if summary.percent else f"{value:+.3g}"
    return text.replace("-", "−")


def span(estimate: Estimate, summary: Summary) -> str:
    """Writes an interval: `1.4 to 3.2`."""
    low, high = (f"{v * summary.scale:.1f}" if summary.percent else f"{v:.3g}" for v in (estimate.low, estimate.high))
    return f"{low} to {high}".replace("-", "−")


def needed_span(needed: LabelsNeeded) -> str:
    """Writes an interval of label counts; an end beyond what was measured keeps its mark: `640 to >1,000`."""
    return f"{needed.low_censored}{whole(needed.low)} to {needed.high_censored}{whole(needed.high)}"


def seeds(n: int) -> str:
    """Writes a number of seeds."""
    return f"{n} seed{'' if n == 1 else 's'}"
