"""The report's page: one HTML file that fetches nothing, for screen and paper, light and dark, desk and phone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from askew.errors import one_line
from askew.report.figures import Rendered
from askew.report.headline import headline
from askew.report.ledgers import Experiment, Run
from askew.report.paper import paper_tables
from askew.report.record import reason
from askew.report.sheet import Strip
from askew.report.style import CSS_NAMES, DARK_PHASES, DARK_SERIES, PHASES, SERIES, looks
from askew.report.summary import Summary
from askew.report.tables import tables

PIXELS_PER_POINT = 1.42
"""How large a figure may grow on the page: its 9-point text is then as large as the tables' small print."""

_FONT = re.compile(r"font: ((?:bold )?)([\d.]+px) [^;\"]*")
_WIDTH = re.compile(r'<svg[^>]* width="([\d.]+)pt"')
_SIZE = re.compile(r"<svg(?= )")
_COLOUR = re.compile("|".join(re.escape(colour) for colour in CSS_NAMES), re.IGNORECASE)


def page(summary: Summary, rendered: Iterable[Rendered], first_asked: Sequence[Strip]) -> str:
    """Returns the whole page as HTML; the same summary gives the same text."""
    experiment = summary.experiment
    look = looks(summary.lines)
    figures = {
        one.drawing.name: (one.drawing, one.drawing.caption(summary), inline(one.svg), inline(one.narrow_svg))
        for one in rendered
    }
    html: str = template("page.html.j2").render(
        experiment=experiment,
        summary=summary,
        headline=headline(summary),
        figures=figures,
        tables={table.name: table for table in (*tables(summary), *paper_tables(summary))},
        keys={label: (f"var(--{CSS_NAMES[of.colour]})", " ".join(map(str, of.dashes))) for label, of in look.items()},
        strips=first_asked,
        captioned=_captioned(first_asked),
        failures=[(run, reason(run)) for run in experiment.failures],
        unfinished=[(run, _progress(run)) for run in experiment.unfinished],
        config=_flat({key: value for key, value in _used(experiment.config).items() if key != "paper"}),
        versions=_versions(experiment),
        mixed=len({json.dumps(stage["versions"], sort_keys=True) for stage in experiment.history}) > 1,
        series=list(zip(SERIES, DARK_SERIES, strict=True)),
        phases=list(zip(PHASES, DARK_PHASES, strict=True)),
        settings=_run_settings(summary),
        short=lambda label: one_line(label, 60),
    )
    return html


def _captioned(strips: Sequence[Strip]) -> str:
    """Says what stands below the pictures of what was asked first."""
    pictures = [picture for strip in strips for picture in strip.pictures]
    parts = ["the true class"]
    if any(picture.predicted for picture in pictures):
        parts.append("the class that the model predicted before it was told")
    parts.append("the file" if any(picture.name for picture in pictures) else "the number of the item")
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def template(name: str) -> Template:
    environment = Environment(
        loader=PackageLoader("askew.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def inline(text: str) -> str:
    """Returns an SVG to stand inside HTML: without its prologue and size, its colours and fonts those of the page."""
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    width = max(float(found) for found in _WIDTH.findall(text))
    text = _SIZE.sub(f'<svg style="max-width: {width * PIXELS_PER_POINT:.0f}px"', text, count=1)
    text = re.sub(r' (?:width|height)="[\d.]+pt"', "", text, count=2)
    text = _FONT.sub(r"font: \1\2 var(--sans)", text)
    text = _COLOUR.sub(lambda found: f"var(--{CSS_NAMES[found.group().lower()]})", text)
    return re.sub(r"\s*\n\s*", "\n", text)


def _progress(run: Run) -> str:
    planned = len(run.cycles) if run.header is None else run.header.cycles
    return f"{len(run.cycles)} of {planned} cycles"


def _run_settings(summary: Summary) -> list[tuple[str, str, str, str]]:
    rows = []
    for label in summary.experiment.labels:
        runs = summary.experiment.of(label)
        header = next((run.header for run in runs if run.header is not None), None)
        if header is None:
            continue
        parameters = ", ".join(f"{k} = {v}" for k, v in header.parameters.items()) or "–"
        known = {k: v for k, v in (header.balance or {}).items() if v is not None}
        how = ", ".join(f"{k} = {v}" for k, v in known.items()) or "–"
        rows.append((label, header.strategy or "–", parameters, how))
    return rows


def _versions(experiment: Experiment) -> list[tuple[str, str]]:
    """Lists what each library's version was; of one that changed between runs all of them, and since when."""
    stages = experiment.history or ({"since": experiment.created, "versions": experiment.versions},)
    out = []
    for name in dict.fromkeys(name for stage in stages for name in stage["versions"]):
        told: list[tuple[str, str]] = []
        for stage in stages:
            version = str(stage["versions"].get(name, "not installed"))
            if not told or told[-1][0] != version:
                told.append((version, stage["since"].replace("T", " ")))
        later = "".join(f", from {since} on {version}" for version, since in told[1:])
        out.append((name, told[0][0] + later))
    return out


LEARNER_KEYS = {
    "finetune": ("features", "finetune", "feature_side_px", "training", "mc_passes", "dropout", "warm_start"),
    "features": ("features", "feature_side_px", "head", "parameters", "warm_start"),
    "estimator": ("estimator", "parameters"),
}
"""What fine-tuning, a head on frozen features and an estimator read of `[learner]`; others read it all."""


def _used(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns a configuration without the keys of `[learner]` that its kind of learner does not read."""
    learner = config.get("learner")
    if not isinstance(learner, Mapping):
        return config
    keys = next((keys for kind, keys in LEARNER_KEYS.items() if learner.get(kind)), tuple(learner))
    return {**config, "learner": {key: value for key, value in learner.items() if key in keys}}


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Lists nested settings as dotted names and their values."""
    out: list[tuple[str, str]] = []
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            out += _flat(value, name + ".")
        elif isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value):
            out += [pair for number, one in enumerate(value) for pair in _flat(one, f"{name}[{number}].")]
        elif value not in (None, {}, []):
            out.append((name, value if isinstance(value, str) else json.dumps(value)))
    return out
