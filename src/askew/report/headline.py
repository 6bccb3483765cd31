"""The first sentences of a report: what the labels bought, claimed only where the seeds can show it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from askew.intervals import CONFIDENCE
from askew.report.ledgers import RANDOM
from askew.report.measures import FEWEST_SEEDS, Estimate
from askew.report.pseudo import PseudoLine, pseudo_lines
from askew.report.savings import Saving
from askew.report.summary import ADDED, Comparison, Line, Summary


@dataclass(frozen=True)
class Headline:
    """What stands at the top: one sentence, those that bear it out, and whether it claims a gain.

    Attributes:
        sentence: the headline.
        details: further sentences, each with its interval.
        balance: a sentence for each balanced strategy: what balance added.
        pseudo_labels: sentences for each strategy with pseudo-labels: what they added, and model B beside model A.
        claims: whether a gain over random is claimed.
    """

    sentence: str
    details: tuple[str, ...]
    balance: tuple[str, ...]
    claims: bool
    pseudo_labels: tuple[str, ...] = ()


def headline(summary: Summary) -> Headline:
    """Returns what stands at the top: the headline, and what was added to strategies.

    See `_headline` for what is claimed; the same rule holds for what balance and pseudo-labels add.
    """
    pseudo = (
        *_added_sentences(summary, ADDED[1]),
        *(said for one in pseudo_lines(summary) for said in _models(one, summary)),
    )
    return replace(_headline(summary), pseudo_labels=pseudo)


def _headline(summary: Summary) -> Headline:
    """Returns the headline: the best of the strategies that are shown to be above random.

    The claim rule: a strategy is above random if Holm's procedure says so of its gain averaged over the label counts,
    paired by seed, among all strategies compared with random. One or two seeds claim nothing. Labels are claimed to be
    saved by such a strategy only, and only if their interval, as wide, leaves out 0. The same rule holds for what
    balance adds, among all balanced strategies.
    """
    balance = _added_sentences(summary, ADDED[0])
    if summary.random is None:
        return Headline(*_without_random(summary), balance, claims=False)
    if len(summary.lines) == 1:
        return Headline("Only random was run: there is nothing to compare it with.", (), balance, claims=False)
    best = summary.best
    if best is None:
        nothing = "No label count has been measured by random and another strategy on the same seed yet."
        return Headline(nothing, (), balance, claims=False)
    gain, verdicts = _over_random(best).gain, _verdicts(summary)
    if _over_random(best).sign > 0:
        return Headline(*_claimed(best, summary, verdicts), balance, claims=True)
    if gain.n_seeds < FEWEST_SEEDS:
        return Headline(*_too_few(best, gain, summary), balance, claims=False)
    if gain.sign > 0:
        few = f"{seeds(gain.n_seeds)} do not prove it"
        sentence = f"{best.label} led random by {points(gain.mean, summary)}, but {few}."
        interval = f"{span(gain, summary)}{_widened(_over_random(best), summary)}"
        detail = f"The 95% interval of {best.label} alone is {interval}."
        return Headline(sentence, (detail, *verdicts), balance, claims=False)
    sentence = f"{seeds(gain.n_seeds)} do not show any strategy to be better than random."
    nearest = "The best mean is" if gain.mean > 0 else "Even the best mean is not above random:"
    interval = f"95% interval {span(gain, summary)}"
    detail = f"{nearest} {best.label}, {signed(gain.mean, summary)}{unit(summary)}, {_averaged(gain)} ({interval})."
    return Headline(sentence, (detail, *verdicts), balance, claims=False)


def _over_random(line: Line) -> Comparison:
    assert line.over_random is not None, "rivals are compared with random"
    return line.over_random


def _claimed(best: Line, summary: Summary, rest: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    found, saving = _over_random(best), best.saving
    gain = found.gain
    average = (
        f"{_averaged(gain).capitalize()}, {best.label} is {points(gain.mean, summary)} above random "
        f"(95% interval {span(gain, summary)}, {seeds(gain.n_seeds)}{_widened(found, summary)})."
    )
    if saving is None or saving.sign <= 0:
        sentence = f"{best.label} is {points(gain.mean, summary)} of {summary.metric.replace('_', ' ')} above random."
        return sentence, (average, *rest)
    share = share_saved(saving)
    needs, random_needs = needed(saving.needs, saving), needed(saving.random_needs, saving)
    sentence = f"{best.label} saves {share}% of the labels: it needs {needs} where random needs {random_needs}."
    level = f"{saving.level * summary.scale:.1f}%" if summary.percent else f"{saving.level:.4g}"
    interval = f"{100 * found.confidence:.3g}% interval {saved_span(saving)}"
    both = f"With these, {best.label} and random both reach {level}; the saving is {saved(saving)} labels ({interval})."
    return sentence, (both, average, *rest)


def _widened(found: Comparison, summary: Summary) -> str:
    if found.confidence == CONFIDENCE:
        return ""
    return f"; {span(found.widened, summary)} when widened for {found.n} comparisons"


def _verdicts(summary: Summary) -> tuple[str, ...]:
    """Says of all strategies whether they are above random, below it, or neither, if there are several."""
    if len(summary.rivals) < 2:
        return ()
    names = {sign: [line.label for line in summary.rivals if _over_random(line).sign == sign] for sign in (1, -1, 0)}
    said = [
        f"{where}: {', '.join(names[sign]) or 'none'}"
        for sign, where in ((1, "above it"), (-1, "below it"), (0, "neither"))
        if names[sign] or sign > 0
    ]
    return (
        f"{len(summary.rivals)} strategies were compared with random. Shown to be {'; '.join(said)}. "
        "The chance of one false claim among them is at most 5% (Holm’s procedure).",
    )


def _too_few(best: Line, gain: Estimate, summary: Summary) -> tuple[str, tuple[str, ...]]:
    one = gain.n_seeds == 1
    sentence = "One seed: no error bar, so no claim." if one else f"{seeds(gain.n_seeds)}: too few for a claim."
    interval = "" if one else f" (95% interval {span(gain, summary)})"
    return sentence, (f"{_averaged(gain).capitalize()}, {best.label} is {beside(gain, summary, RANDOM)}{interval}.",)


def _without_random(summary: Summary) -> tuple[str, tuple[str, ...]]:
    usable = [line for line in summary.lines if not line.knows_truth] or summary.lines
    best = max(usable, key=lambda line: float(line.mean[line.last]))
    reached = f"{best.mean[best.last] * summary.scale:.1f}{'%' if summary.percent else ''}"
    count = f"{int(best.curves.n_labeled[best.last]):,} labels"
    detail = f"The highest mean at a last label count is {best.label}’s: {reached} with {count}."
    return f"Nothing to hold the strategies against: no run is labelled “{RANDOM}”.", (detail,)


def _added_sentences(summary: Summary, kind: str) -> tuple[str, ...]:
    return tuple(
        _over(line.label, line.plain or "", line.over_plain, summary)
        for line in summary.lines
        if line.over_plain is not None and line.added == kind
    )


def _models(one: PseudoLine, summary: Summary) -> Iterator[str]:
    """Says how model B is beside model A, and how good the pseudo-labels were."""
    label = one.line.label
    if one.over_teacher is not None:
        yield _over(f"Model B of {label}", "its model A", one.over_teacher, summary)
    if one.mean_right is not None:
        yield f"Of the pseudo-labels of {label}, {100 * one.mean_right:.1f}% were right, mean over cycles and seeds."


def _over(label: str, rival: str, found: Comparison, summary: Summary) -> str:
    gain = found.gain
    where, interval = _averaged(gain), f"95% interval {span(gain, summary)}"
    if gain.n_seeds < FEWEST_SEEDS:
        return f"{label} is {beside(gain, summary, rival)}, {where}; {seeds(gain.n_seeds)}, so no claim."
    interval += _widened(found, summary)
    if found.sign == 0:
        return f"{seeds(gain.n_seeds)} do not tell {_inside(label)} from {rival} ({interval})."
    return f"{label} is {beside(gain, summary, rival)}, {where} ({interval}, {seeds(gain.n_seeds)})."


def _inside(name: str) -> str:
    """Writes a name inside a sentence."""
    return name.replace("Model B of", "model B of", 1)


def _averaged(gain: Estimate) -> str:
    first, last = gain.over or (0, 0)
    return f"averaged over {first:,} to {last:,} labels"


def whole(labels: float) -> str:
    """Writes a number of labels: up to the next whole one."""
    return f"{_up(labels):,}"


def points(value: float, summary: Summary) -> str:
    """Writes a difference with its unit: `2.3 points`, or the bare number if the metric is no share."""
    return f"{value * summary.scale:.1f} points" if summary.percent else f"{value:.3g}"


def beside(gain: Estimate, summary: Summary, rival: str | None) -> str:
    """Writes which side of a rival a mean lies on, and how far: `2.3 points below random`."""
    return f"{points(abs(gain.mean), summary)} {'below' if gain.mean < 0 else 'above'} {rival}"


def unit(summary: Summary) -> str:
    """Returns the unit of a difference with its space, or nothing if the metric is no share."""
    return " points" if summary.percent else ""


def signed(value: float, summary: Summary) -> str:
    """Writes a difference with its sign, without a unit; a minus is a minus, not a hyphen."""
    text = f"{value * summary.scale:+.1f}" if summary.percent else f"{value:+.3g}"
    return text.replace("-", "−")


def span(estimate: Estimate, summary: Summary) -> str:
    """Writes an interval: `1.4 to 3.2`."""
    low, high = (_edge(v * summary.scale) if summary.percent else f"{v:.3g}" for v in (estimate.low, estimate.high))
    return f"{low} to {high}".replace("-", "−")


def _edge(points: float) -> str:
    """Writes an end of an interval: one place, but never 0 for what only is near it."""
    text = f"{points:.1f}"
    return f"{points:.1g}" if float(text) == 0 and abs(points) > 1e-9 else text.replace("-0.0", "0.0")


def needed(labels: float, saving: Saving) -> str:
    """Writes how many labels are needed; the first count that was measured is an upper bound: `≤20`."""
    return f"{'≤' if labels <= saving.first else ''}{whole(labels)}"


def saved(saving: Saving) -> str:
    """Writes how many labels are saved: the difference of the two needs as they are written."""
    return f"{_up(saving.random_needs) - _up(saving.needs):,}".replace("-", "−")


def share_saved(saving: Saving) -> int:
    """Returns the percentage of random's labels that is saved, of the two needs as they are written.

    >>> share_saved(Saving(100, 0.8, 100.0, 50.4, 20, 40.0, 60.0, 5))   # 51 instead of 100
    49
    """
    random_needs = _up(saving.random_needs)
    return round(100 * (random_needs - _up(saving.needs)) / random_needs)


def _up(labels: float) -> int:
    """Returns the next whole number of labels, as `whole` writes it."""
    return math.ceil(labels - 1e-9)


def saved_span(saving: Saving) -> str:
    """Writes the interval of the labels saved: `−12 to 40`."""
    return f"{saving.low:,.0f} to {saving.high:,.0f}".replace("-", "−")


def seeds(n: int) -> str:
    """Writes a number of seeds."""
    return f"{n} seed{'' if n == 1 else 's'}"


def duration(seconds: float) -> str:
    """Writes seconds with two decimals below ten, one below a hundred, and none above.

    >>> duration(0.7821), duration(42.25), duration(1234.5)
    ('0.78 s', '42.2 s', '1,234 s')
    """
    decimals = 2 if seconds < 10 else 1 if seconds < 100 else 0
    return f"{seconds:,.{decimals}f} s"
