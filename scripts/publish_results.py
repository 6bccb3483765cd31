"""Copies a finished experiment's tables, figures and ledgers into results/, with a page that says where they come from.

    python scripts/publish_results.py runs/fashion-desk --command "askew run fashion-desk" --commit 1a2b3c4

Writes results/<name>/: README.md (tables with error bars), experiment.json (configuration, versions, machine),
ledgers.jsonl.gz (every run's ledger, one after the other), curves.csv, gains.csv, summary.csv and figures.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from askew.experiment.ledger import read_ledger
from askew.report.build import build

COPIED = ("curves.csv", "gains.csv", "summary.csv", "asked-classes.csv", "learning-curves.svg", "l1-scores.svg")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a Markdown table; columns after the first are right-aligned."""
    lines = ["| " + " | ".join(header) + " |", "|---" + "|---:" * (len(header) - 1) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def read_csv(path: Path) -> list[dict[str, str]]:
    """Returns the rows of a CSV file."""
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def accuracy(rows: list[dict[str, str]]) -> str:
    """Accuracy at each label count, mean ± standard deviation over seeds, in percent."""
    rows = [r for r in rows if r["label"] != "full"]
    counts = sorted({int(r["n_labeled"]) for r in rows})
    cells = {
        (r["label"], int(r["n_labeled"])): f"{100 * float(r['mean']):.2f} ± {100 * float(r['std'] or 0):.2f}"
        for r in rows
    }
    labels = list(dict.fromkeys(r["label"] for r in rows))
    return table(
        ["strategy", *map(str, counts)], ([label, *(cells.get((label, c), "") for c in counts)] for label in labels)
    )


def gains(rows: list[dict[str, str]], over_random: bool) -> str:
    """Paired gains in points with their 95% intervals; bold where the interval leaves out 0."""
    rows = [r for r in rows if (r["over"] == "random") == over_random and float(r["mean"] or 0) != 0]
    counts = sorted({int(r["n_labeled"]) for r in rows})
    pairs = list(dict.fromkeys((r["label"], r["over"]) for r in rows))
    cells = {}
    for r in rows:
        mean, low, high = (100 * float(r[key]) for key in ("mean", "low", "high"))
        text = f"{mean:+.2f} [{low:+.2f}, {high:+.2f}]"
        cells[r["label"], r["over"], int(r["n_labeled"])] = f"**{text}**" if low > 0 or high < 0 else text
    body = ([f"{a} − {b}", *(cells.get((a, b, c), "") for c in counts)] for a, b in pairs)
    return table(["points", *map(str, counts)], body)


def l1_scores(ledgers: dict[str, list[dict[str, Any]]]) -> str:
    """L1 score (Eq. 4.10) of what was asked after each cycle, mean ± standard deviation over seeds."""
    by_label: dict[str, dict[int, list[float]]] = {}
    for cycles in ledgers.values():
        for c in cycles:
            if c["l1_score"] is not None:
                by_label.setdefault(c["label"], {}).setdefault(c["n_labeled"], []).append(c["l1_score"])
    counts = sorted({n for found in by_label.values() for n in found})
    body = (
        [
            label,
            *(
                f"{np.mean(found[n]):.3f} ± {np.std(found[n], ddof=1):.3f}" if len(found.get(n, ())) > 1 else ""
                for n in counts
            ),
        ]
        for label, found in by_label.items()
    )
    return table(["strategy", *(f"asked at {n}" for n in counts)], body)


def page(source: Path, report: Path, command: str, commit: str, ledgers: dict[str, list[dict[str, Any]]]) -> str:
    """Returns the README of the results."""
    about = json.loads((source / "experiment.json").read_text(encoding="utf-8"))
    failures = sorted(p.parent.name for p in source.glob("runs/*/failure.txt"))
    seconds = sum(sum(c["seconds"].values()) for cycles in ledgers.values() for c in cycles)
    summary = read_csv(report / "summary.csv")
    full = [r for r in summary if r["label"] == "full"]
    gain_rows = read_csv(report / "gains.csv")
    machine = f"{about['machine']['processor']}, {about['machine']['cores']} cores"
    parts = [
        f"# {about['name']}",
        f"`{command}` on {about['dataset']}: a pool of {about['n_items']:,} items, {about['n_test']:,} test items, "
        f"{len(about['config']['protocol']['seeds'])} seeds. Run with the code of commit {commit}; started "
        f"{about['created']} on {machine}; {seconds / 60:.0f} minutes of one core in all.",
        "Versions: " + ", ".join(f"{k} {v}" for k, v in about["versions"].items()) + ".",
        f"Runs that failed: {', '.join(failures) or 'none'}.",
        "## Accuracy, %, mean ± standard deviation over seeds",
        accuracy(summary),
    ]
    if full:
        parts.append(
            f"Trained on the whole pool ({full[0]['n_labeled']} labels): {100 * float(full[0]['mean']):.2f} %."
        )
    parts += ["## Gain over random, points, paired by seed, 95% interval", gains(gain_rows, over_random=True)]
    if any(r["over"] != "random" for r in gain_rows):
        parts += [
            "## Gain over the plain strategy, points, paired by seed, 95% interval",
            gains(gain_rows, over_random=False),
        ]
    parts += [
        "Bold where the interval leaves out 0. The interval is for each cell by itself: of twenty cells without a "
        "difference, one is bold by chance."
    ]
    parts += ["## L1 score of what was asked (Eq. 4.10; 0 is uniform)", l1_scores(ledgers)]
    parts += ["![learning curves](learning-curves.svg)"]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """Publishes one experiment."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="the experiment's folder")
    parser.add_argument("--command", required=True, help="the command that ran it")
    parser.add_argument("--commit", required=True, help="the commit of the code that ran")
    parser.add_argument("--results", type=Path, default=Path("results"))
    arguments = parser.parse_args()
    source: Path = arguments.source
    report = build(source).parent
    out = arguments.results / json.loads((source / "experiment.json").read_text(encoding="utf-8"))["name"]
    out.mkdir(parents=True, exist_ok=True)
    ledgers: dict[str, list[dict[str, Any]]] = {}
    paths = sorted(source.glob("runs/*/ledger.jsonl"))
    for path in paths:
        header, cycles = read_ledger(path)
        ledgers[path.parent.name] = [
            {"label": header.label, "n_labeled": c.n_labeled, "l1_score": c.l1_score, "seconds": c.seconds}
            for c in cycles
        ]
    with gzip.GzipFile(out / "ledgers.jsonl.gz", "wb", mtime=0) as file:
        for path in paths:
            file.write(path.read_bytes())
    for name in COPIED:
        if (report / name).is_file():
            shutil.copyfile(report / name, out / name)
    shutil.copyfile(source / "experiment.json", out / "experiment.json")
    (out / "README.md").write_text(page(source, report, arguments.command, arguments.commit, ledgers), encoding="utf-8")
    print(out / "README.md")


if __name__ == "__main__":
    main()
