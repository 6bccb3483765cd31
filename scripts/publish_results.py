"""Copies a finished experiment's ledgers, tables and figures into results/, with a page that says what they show.

    python scripts/publish_results.py runs/fashion-desk --command "askew run fashion-desk" --commit 1a2b3c4
    python scripts/publish_results.py --again     # every page again from the ledgers that are published

Writes results/<name>/ (of a study one for each of its experiments, and one with the joint page): README.md (what it
shows, tables with error bars), experiment.json (configuration, versions, machine), published.json (command, commit,
failures), ledgers.jsonl.gz (every run's ledger, one after the other), CSV tables and figures. Then
results/seeds.json, the spread over seeds; results/areas.json, the area under each curve; the comparisons of several
experiments (`COMPARED`); and the blocks of README.md and results/README.md between `<!-- results: NAMES -->` and
`<!-- end of results -->`. NAMES may be `all`; `short` after them writes two sentences for each. What a page claims is
the headline of the experiment's report, in the same words.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import seeds_page
import wins_page

from askew.experiment.study_folder import FILE as STUDY
from askew.experiment.study_folder import read_study_folder
from askew.files import write_whole
from askew.report.budgets import Setting, settings
from askew.report.build import build
from askew.report.compare import sentences, write
from askew.report.diagnostics import labeled_l1_scores
from askew.report.headline import beside, headline, seeds, span
from askew.report.ledgers import RANDOM, read
from askew.report.measures import Interval
from askew.report.paper import joined, paper_tables
from askew.report.pseudo import pseudo_lines
from askew.report.study import compared_settings, summaries_of
from askew.report.summary import ADDED, Line, Summary, summarize
from askew.report.tables import Cell, Table, tables

ROOT = Path(__file__).resolve().parents[1]
COPIED = (
    "curves.csv",
    "gains.csv",
    "average-gains.csv",
    "savings.csv",
    "summary.csv",
    "asked-classes.csv",
    "learning-curves.svg",
    "labels-saved.svg",
    "l1-scores.svg",
    "two-models.svg",
)
COMPARED = {
    "cifar10-budgets": (
        *("cifar10-frozen-budget-", "cifar10-frozen-longtail-"),
        *("cifar10-scratch-budget-", "cifar10-simsiam-budget-"),
    )
}
"""Comparisons of published experiments: the folder's name, and what the names of its experiments begin with."""

MARKED = "▲ or ▼ where"
"""How a report says what a page of results prints bold."""

BLOCK = re.compile(r"(<!-- results: (.*?) -->\n).*?(<!-- end of results -->)", re.DOTALL)


@contextmanager
def unpacked(published: Path) -> Iterator[Path]:
    """Gives an experiment's folder with the ledgers that `published` holds."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        shutil.copyfile(published / "experiment.json", folder / "experiment.json")
        lines = gzip.decompress((published / "ledgers.jsonl.gz").read_bytes()).splitlines(keepends=True)
        ledgers: dict[str, list[bytes]] = {}
        name = ""
        for line in lines:
            if run := json.loads(line).get("run"):
                name = f"{run['label']}-seed{run['seed']}"
            ledgers.setdefault(name, []).append(line)
        for name, ledger in ledgers.items():
            (folder / "runs" / name).mkdir(parents=True)
            (folder / "runs" / name / "ledger.jsonl").write_bytes(b"".join(ledger))
        yield folder


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a Markdown table; columns after the first are right-aligned."""
    lines = ["| " + " | ".join(header) + " |", "|---" + "|---:" * (len(header) - 1) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def accuracy(summary: Summary) -> str:
    """Accuracy at each label count, mean ± standard deviation over seeds, in percent."""

    def cells(line: Line) -> Iterator[str]:
        for n in summary.n_labeled:
            k = line.column(n)
            known = k is not None and np.isfinite(line.mean[k])
            yield f"{100 * line.mean[k]:.2f} ± {100 * line.std[k]:.2f}" if known else ""

    return table(["strategy", *map(str, summary.n_labeled)], ([line.label, *cells(line)] for line in summary.lines))


def gains(summary: Summary, found: Sequence[tuple[str, Interval]]) -> str:
    """Paired gains in points with their 95% intervals; bold where the interval leaves out 0."""

    def cells(gain: Interval) -> Iterator[str]:
        at = {int(n): gain.at(k) for k, n in enumerate(gain.n_labeled)}
        for n in summary.asked_counts:
            if n not in at:
                yield ""
                continue
            one = at[n]
            text = f"{100 * one.mean:+.2f} [{100 * one.low:+.2f}, {100 * one.high:+.2f}]"
            yield f"**{text}**" if one.sign else text

    return table(["points", *map(str, summary.asked_counts)], ([name, *cells(gain)] for name, gain in found))


def beside_paper(shown: Table) -> str:
    """Returns a table that stands beside a paper's, with intervals in brackets; bold where one leaves out 0."""

    def written(cell: Cell) -> str:
        text = cell.text + (f" [{cell.small}]" if cell.small else "")
        return f"**{text}**" if cell.sign else text

    return table(["", *shown.columns], ([row.label, *map(written, row.cells)] for row in shown.rows))


def l1_scores(summary: Summary) -> str:
    """L1 score (Eq. 4.10: distance to equal classes) of the labeled set at each label count, mean over seeds."""
    rows = [(line.label, *labeled_l1_scores(summary.experiment, line.label)) for line in summary.lines]
    of = {label: dict(zip(counts.tolist(), scores.tolist(), strict=True)) for label, counts, scores in rows}
    body = ([label, *(f"{at[n]:.3f}" if n in at else "" for n in summary.n_labeled)] for label, at in of.items())
    return table(["strategy", *map(str, summary.n_labeled)], body)


def findings(summary: Summary) -> list[str]:
    """Returns what the experiment shows, a sentence each: the headline of its report."""
    found = headline(summary)
    return [found.sentence, *found.details, *found.balance, *found.pseudo_labels, *summary.missing]


def page(summary: Summary, about: dict[str, Any]) -> str:
    """Returns the README of one experiment's results; `about` is its published.json."""
    experiment = summary.experiment
    of_seconds = (s for run in experiment.runs for cycle in run.cycles for s in cycle.seconds.values())
    parts = [
        f"# {experiment.name}",
        f"`{about['command']}` on {experiment.dataset}: a pool of {experiment.n_items:,} items, {experiment.n_test:,} "
        f"test items, {len(experiment.seeds)} seeds. {about.get('note', '')}".rstrip()
        + f" Run with the code of commit {about['commit']}; started {experiment.created} on "
        f"{experiment.machine['processor']}, {experiment.machine['cores']} cores; {sum(of_seconds) / 60:.0f} minutes "
        "of one core in all.",
        "Versions: " + ", ".join(f"{k} {v}" for k, v in experiment.versions.items()) + ".",
        f"Runs that failed: {', '.join(about['failures']) or 'none'}.",
        "## What it shows",
        "\n".join(f"- {sentence}" for sentence in findings(summary)),
        "How this is computed: [reports](../../docs/reports.md).",
        "![learning curves](learning-curves.svg)",
        "![labels needed for the same result, each strategy and random](labels-saved.svg)",
        "## Accuracy, %, mean ± standard deviation over seeds",
        accuracy(summary),
    ]
    if summary.full is not None:
        n, mean = int(summary.full.n_labeled[-1]), float(np.nanmean(summary.full.values[:, -1]))
        parts.append(f"Trained on the whole pool ({n} labels): {100 * mean:.2f} %.")
    for shown in paper_tables(summary):
        parts += [f"## {shown.title}", beside_paper(shown), shown.note.replace(MARKED, "bold where")]
    over_random = [(f"{line.label} − random", line.gain) for line in summary.lines if line.gain is not None]
    over_plain = [(f"{line.label} − {line.plain}", line.plain_gain) for line in summary.lines if line.plain_gain]
    for rival, found in (("random", over_random), ("the plain strategy", over_plain)):
        if found:
            parts += [f"## Gain over {rival}, points, paired by seed, 95% interval", gains(summary, found)]
    parts += [
        "Bold: the interval leaves out 0. Each cell is judged alone, so of twenty cells without a difference one is "
        "bold by chance."
    ]
    models = next((one for one in tables(summary) if one.name == "models"), None)
    if models is not None:
        rows = [[row.label, *(f"{cell.text} {cell.small}".strip() for cell in row.cells)] for row in models.rows]
        parts += [f"## {models.title}, %", table(["", *models.columns], rows), models.note]
        parts += ["![models A and B](two-models.svg)"] if any(one.teacher for one in pseudo_lines(summary)) else []
    parts += [
        "## L1 score of the labeled set (distance to equal classes; 0 is uniform, 1 is one class; Eq. 4.10)",
        "![L1 score over labels](l1-scores.svg)",
        l1_scores(summary),
    ]
    return "\n\n".join(parts) + "\n"


def entry(name: str, summary: Summary, folder: str) -> str:
    """Returns what a block says of one experiment: where it comes from, and the headline of its report."""
    first, last = summary.n_labeled[0], summary.n_labeled[-1]
    where = f"{summary.experiment.dataset}, {first:,} to {last:,} labels, {len(summary.experiment.seeds)} seeds"
    head, *rest = findings(summary)
    first_line = f"- [{name}]({folder}{name}/README.md) ({where}): **{head}**"
    return "\n".join([first_line, *(f"  - {sentence}" for sentence in rest)])


def short_entry(name: str, summary: Summary, folder: str) -> str:
    """Returns what a short block says of one experiment: its headline, and the gain that stands behind it."""
    best = summary.best
    assert best is not None, "a published experiment was compared with random"
    assert best.over_random is not None, "the best is a rival of random"
    gain = best.over_random.gain
    evidence = (
        f"{best.label}, averaged over {summary.n_labeled[0]:,} to {summary.n_labeled[-1]:,} labels of "
        f"{summary.experiment.dataset}: {beside(gain, summary, RANDOM)} (95% interval {span(gain, summary)}, "
        f"{seeds(gain.n_seeds)})."
    )
    for what in ADDED:
        signs = [line.over_plain.sign for line in summary.lines if line.over_plain is not None and line.added == what]
        if signs:
            does = f"{what.capitalize()} {'is' if what == 'balance' else 'are'}"
            evidence += f" {does} shown to add accuracy in {signs.count(1)} of {len(signs)} comparisons"
            evidence += f", and to cost some in {signs.count(-1)}." if -1 in signs else "."
    return f"- [{name}]({folder}{name}/README.md): **{headline(summary).sentence}**\n  {evidence}"


def is_compared(name: str) -> bool:
    """Tells whether an experiment is part of a comparison."""
    return any(name.startswith(prefix) for prefixes in COMPARED.values() for prefix in prefixes)


def short_comparison(name: str, summaries: dict[str, Summary], folder: str) -> str:
    """Returns what a short block says of experiments that are compared: who is above or below random, and where."""
    found = comparison(name, summaries)
    lines = [
        f"- [{name}]({folder}{name}/README.md): {sum(len(s.summaries) for s in found)} experiments, budget by budget."
    ]
    for setting in found:
        counts = "; ".join(f"{label} {_won_and_lost(setting, label)}" for label in setting.labels)
        lines.append(f"  {setting.name}, budgets at which it is shown to be above / below random: {counts}.")
    return "\n".join(lines)


def _won_and_lost(setting: Setting, label: str) -> str:
    signs = [one.sign for _, one in setting.comparisons(label)]
    return f"{signs.count(1)} / {signs.count(-1)} of {len(signs)}"


def with_blocks(text: str, summaries: dict[str, Summary], folder: str) -> str:
    """Returns a text with its blocks written again; a block names its experiments or says `all`, and may be `short`."""

    def block(found: re.Match[str]) -> str:
        *names, last = found[2].split()
        write = short_entry if last == "short" else entry
        names = names if last == "short" else [*names, last]
        if names == ["all"] and last == "short":
            names = [name for name in sorted(summaries) if not is_compared(name)]
            together = [short_comparison(name, summaries, folder) for name in COMPARED]
        else:
            names, together = sorted(summaries) if names == ["all"] else names, []
        entries = [*(write(name, summaries[name], folder) for name in names), *together]
        return "\n".join([found[1], *entries, "", found[3]])

    return BLOCK.sub(block, text)


def published(results: Path) -> dict[str, Summary]:
    """Returns name to numbers of every experiment that is published, from its ledgers."""
    found = {}
    for path in sorted(results.glob("*/ledgers.jsonl.gz")):
        with unpacked(path.parent) as folder:
            found[path.parent.name] = summarize(read(folder))
    return found


def comparison(name: str, summaries: dict[str, Summary]) -> tuple[Setting, ...]:
    """Returns the settings that a comparison of `COMPARED` is of; empty if fewer than two experiments are published."""
    members = [summaries[found] for prefix in COMPARED[name] for found in sorted(summaries) if found.startswith(prefix)]
    return settings(members) if len(members) > 1 else ()


def comparison_page(name: str, found: Sequence[Setting]) -> str:
    """Returns the README of a comparison: what it is of, its sentences and figures."""
    of = "\n".join(
        f"- {setting.name}: "
        + ", ".join(f"[{n}](../{n}/README.md)" for n in (s.experiment.name for s in setting.summaries))
        for setting in found
    )
    said = "\n".join(sentences(found))
    parts = [
        f"# {name}",
        "The gain over random at each budget, by `askew compare`, and the experiments behind it:",
        of,
        "How this is computed: [reports](../../docs/reports.md). Brackets: the experiment does not show a difference. "
        "Each experiment is judged by itself, so of many budgets one may be wrong by chance.",
        f"```text\n{said}\n```",
        "![points above random at each budget, a panel for each strategy](budget-gains.svg)",
        "A hollow marker: nothing is shown there.",
        "![all learning curves](curves.svg)",
        "All digits: [budget-gains.csv](budget-gains.csv).",
    ]
    return "\n\n".join(parts) + "\n"


def publish_comparisons(results: Path, summaries: dict[str, Summary]) -> None:
    """Writes the folder of every comparison again."""
    for name in COMPARED:
        found = comparison(name, summaries)
        if not found:
            continue
        (results / name).mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory() as place:
            made = write(found, Path(place) / "made")
            for file in ("budget-gains.svg", "curves.svg", "budget-gains.csv"):
                write_whole(results / name / file, (made / file).read_bytes())
        write_whole(results / name / "README.md", comparison_page(name, found))
        print(results / name / "README.md")


def study_page(name: str, found: dict[str, Summary], left: Sequence[str]) -> str:
    """Returns the README of a study: its experiments, a paper's numbers beside ours, and all curves."""
    experiments = "\n".join(
        f"- [{part}](../{name}-{part}/README.md): **{headline(one).sentence}**" for part, one in found.items()
    )
    parts = [f"# {name}", "A study of several experiments, in the words of their reports:", experiments]
    parts += [f"Not run: {', '.join(left)}."] if left else []
    for shown in joined(found):
        parts += [f"## {shown.title}", beside_paper(shown), shown.note.replace(MARKED, "bold where")]
    if compared_settings(found):
        parts += ["## All learning curves", "![all learning curves, a panel for each pool](curves.svg)"]
    parts.append("How this is computed: [reports](../../docs/reports.md).")
    return "\n\n".join(parts) + "\n"


def publish_studies(results: Path, summaries: dict[str, Summary]) -> None:
    """Writes the joint page of every published study again."""
    for path in sorted(results.glob(f"*/{STUDY}")):
        name, names = read_study_folder(path.parent)
        found = {part: summaries[f"{name}-{part}"] for part in names if f"{name}-{part}" in summaries}
        if together := compared_settings(found):
            with tempfile.TemporaryDirectory() as place:
                made = write(together, Path(place) / "made")
                write_whole(path.parent / "curves.svg", (made / "curves.svg").read_bytes())
        write_whole(path.parent / "README.md", study_page(name, found, [part for part in names if part not in found]))
        print(path.parent / "README.md")


def publish(source: Path, out: Path, about: dict[str, Any]) -> None:
    """Writes one experiment's results into `out`."""
    with tempfile.TemporaryDirectory() as place:
        report = build(source, Path(place) / "report").parent
        out.mkdir(parents=True, exist_ok=True)
        for name in COPIED:
            if (report / name).is_file():
                write_whole(out / name, (report / name).read_bytes())
    ledgers = b"".join(path.read_bytes() for path in sorted(source.glob("runs/*/ledger.jsonl")))
    write_whole(out / "ledgers.jsonl.gz", gzip.compress(ledgers, mtime=0))
    write_whole(out / "experiment.json", (source / "experiment.json").read_bytes())
    write_whole(out / "published.json", json.dumps(about, indent=2) + "\n")
    write_whole(out / "README.md", page(summarize(read(source)), about))
    print(out / "README.md")


def write_blocks(results: Path) -> None:
    """Writes the blocks of the README and of the results' README again, and the spread over seeds."""
    summaries = published(results)
    publish_comparisons(results, summaries)
    publish_studies(results, summaries)
    write_whole(seeds_page.FILE, json.dumps(seeds_page.measured(summaries), indent=2) + "\n")
    found = {name: wins_page.areas(summary) for name, summary in summaries.items()}
    write_whole(wins_page.AREAS, json.dumps(found, indent=1) + "\n")
    for path, folder in ((ROOT / "README.md", "results/"), (results / "README.md", "")):
        write_whole(path, with_blocks(path.read_text(encoding="utf-8"), summaries, folder))


def experiments_in(source: Path, results: Path) -> list[Path]:
    """Returns the folders to publish: those of a study that have a finished cycle, whose page is begun, or the one."""
    if not (source / STUDY).is_file():
        return [source]
    name, names = read_study_folder(source)
    (results / name).mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source / STUDY, results / name / STUDY)
    return [source / part for part in summaries_of(source, names)]


def main() -> None:
    """Publishes one experiment, or writes every page again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, nargs="?", help="the experiment's folder")
    parser.add_argument("--command", help="the command that ran it")
    parser.add_argument("--commit", help="the commit of the code that ran")
    parser.add_argument("--note", default="", help="a sentence for the page")
    parser.add_argument("--again", action="store_true", help="write every page again from the published ledgers")
    arguments = parser.parse_args()
    results = ROOT / "results"
    if arguments.again:
        for path in sorted(results.glob("*/ledgers.jsonl.gz")):
            about = json.loads((path.parent / "published.json").read_text(encoding="utf-8"))
            with unpacked(path.parent) as folder:
                publish(folder, path.parent, about)
    else:
        if not (arguments.source and arguments.command and arguments.commit):
            parser.error("give the experiment's folder, --command and --commit; or --again")
        for source in experiments_in(arguments.source, results):
            name = json.loads((source / "experiment.json").read_text(encoding="utf-8"))["name"]
            failures = sorted(p.parent.name for p in source.glob("runs/*/failure.txt"))
            about = {"command": arguments.command, "commit": arguments.commit, "failures": failures}
            publish(source, results / name, about | ({"note": arguments.note} if arguments.note else {}))
    write_blocks(results)


if __name__ == "__main__":
    main()
