"""`askew analyse`: how informative the items are that strategies ask first, and whether scores tell foreign items."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from askew.cli.run import NEEDS, SCALE_LINES


def add(commands: Any) -> None:
    """Adds the subcommand to the parser."""
    parser = commands.add_parser(
        "analyse",
        help="say how informative the items are that each strategy asks first",
        description="Trains the models of an experiment's first cycles and says, for every strategy, how often the "
        "model is right about the items that it asks first, and how that goes with its score (Fig. 3.3 to 3.5 of the "
        "thesis). With --out-classes or --out-data it says instead how well scores tell pictures that the model was "
        "never taught. Writes figures and CSV. docs/analyse.md tells more.",
    )
    parser.add_argument(
        "experiment",
        metavar="SOURCE",
        help="a TOML file, the name of a preset, or a folder of askew run, whose labels are then taken",
    )
    parser.add_argument("--scale", choices=SCALE_LINES, help="of an experiment with [desk] (desk)")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="where results go (runs/NAME-analysis, SOURCE/analysis)"
    )
    parser.add_argument(
        "--strategies",
        metavar="A,B,…",
        help="what is compared (the experiment's strategies; foreign items: dispersion, least_confidence, entropy, "
        "energy)",
    )
    parser.add_argument("--cycles", type=int, metavar="K", help="how many, from the initial set on (all, at most 3)")
    parser.add_argument(
        "--of", metavar="LABEL", help="whose questions the later cycles are trained on (dispersion, or the first)"
    )
    parser.add_argument("--bins", type=int, metavar="B", help="of the histograms, at most (20)")
    parser.add_argument(
        "--out-classes",
        action="append",
        metavar="A,B,…",
        help="leave these classes out of the training and tell their pictures; may be given several times",
    )
    parser.add_argument(
        "--out-data", action="append", metavar="DATA", help="tell pictures of this data set; may be given several times"
    )
    parser.add_argument("--threads", type=int, metavar="T", help="to compute with (1, or what the folder's runs have)")
    parser.add_argument("--data-root", type=Path, metavar="DIR", help="where datasets are (data)")
    parser.add_argument("--download", action="store_true", help="fetch a named dataset that is not on this machine yet")
    parser.add_argument("--skip-unreadable", action="store_true", help="leave out pictures that cannot be read")
    parser.add_argument(
        "--trust-estimator", action="store_true", help="import and call an estimator that is not scikit-learn's"
    )
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, … (a GPU if there is one)")
    parser.set_defaults(call=call)


def call(arguments: argparse.Namespace) -> int:
    """Analyses every experiment of a file, or the folder of one."""
    from askew.cli.extras import need

    need("analysing an experiment", *NEEDS)
    from askew.errors import InputError

    foreign = arguments.out_classes is not None or arguments.out_data is not None
    for option, value in (("--cycles", arguments.cycles), ("--bins", arguments.bins), ("--threads", arguments.threads)):
        if value is not None and value < 1:
            raise InputError(f"{option}: expected at least 1, got {value}")
        if value is not None and foreign and option != "--threads":
            raise InputError(f"{option}: is not for foreign items: leave it out")
    if foreign and arguments.of is not None:
        raise InputError("--of: the model of the initial set tells foreign items: leave it out")
    folder = Path(arguments.experiment)
    if folder.is_dir():
        _folder(folder, arguments, foreign)
        return 0
    from askew.experiment.study import read

    study = read(arguments.experiment, arguments.scale)
    if study.scale is not None:
        print(SCALE_LINES[study.scale].format(name=arguments.experiment), flush=True)
    out = arguments.out or Path("runs") / f"{study.name}-{'foreign' if foreign else 'analysis'}"
    for part, config in study.experiments.items():
        (_foreign if foreign else _experiment)(config, arguments, out / part)
    return 0


def _folder(folder: Path, arguments: argparse.Namespace, foreign: bool) -> None:
    from askew.errors import InputError
    from askew.experiment.analysis import past_of

    if arguments.scale is not None:
        raise InputError("--scale: a folder's experiment has the one that it was run at: leave it out")
    config, label, past, threads = past_of(folder, arguments.of)
    arguments.threads = arguments.threads or threads
    if foreign:
        _foreign(config, arguments, arguments.out or folder / "foreign")
    else:
        _experiment(config, arguments, arguments.out or folder / "analysis", label=label, past=past, reads=folder)


def _experiment(
    config: Any,
    arguments: argparse.Namespace,
    out: Path,
    *,
    label: str | None = None,
    past: Any = None,
    reads: Path | None = None,
) -> None:
    from askew.errors import InputError
    from askew.experiment import analysis
    from askew.experiment.tasks import build_learner
    from askew.informativeness import BINS
    from askew.learn.task import fields_of
    from askew.report.analysis import ABOUT, lines, write
    from askew.report.build import refuse_other

    refuse_other(out, ABOUT, "analysis")
    names = _names(arguments)
    entries = config.strategies if names is None else analysis.named_strategies(names, config.strategies)
    plans = analysis.plans_of(entries)
    leading, leader = analysis.leading(config, label or arguments.of, plans, tuned=past is None)
    dataset = _dataset(config, arguments)
    learner = build_learner(config.learner, dataset.n_classes, device=arguments.device, trust=arguments.trust_estimator)
    analysis.check(fields_of(learner), dataset.n_classes, {**plans, leading: leader})
    most = config.protocol.cycles if past is None else min(one.n_models for one in past.values())
    cycles = arguments.cycles or min(analysis.CYCLES, most)
    if cycles > most:
        raise InputError(f"--cycles: {cycles} is more than the {most} that there are")
    judged: list[analysis.Judged] = []
    with _epochs(learner.epochs, cycles * len(past or config.protocol.seeds), arguments.threads) as tell:
        for one in analysis.analyse(
            config,
            dataset,
            plans,
            cycles=cycles,
            leader=leader,
            past=past,
            device=arguments.device,
            trust=arguments.trust_estimator,
            tell=lambda _seed, _cycle, share: tell(len(judged), share),
        ):
            judged.append(one)
    about = _about(config, dataset) | {"labels_of": leading, "from_runs": past is not None}
    shown = {label: (plan.strategy.name, analysis.plain_of(label, plans)) for label, plan in plans.items()}
    found = write(
        out, judged, shown, about, bins=arguments.bins or BINS, reads=[] if reads is None else [reads / "runs"]
    )
    print("\n".join([*lines(found), f"figures and tables: {out}"]))


def _foreign(config: Any, arguments: argparse.Namespace, out: Path) -> None:
    from askew.data.load import load
    from askew.experiment import foreign
    from askew.experiment.tasks import build_learner
    from askew.learn.task import fields_of
    from askew.report.analysis import ABOUT
    from askew.report.build import refuse_other
    from askew.report.foreign import lines, write

    refuse_other(out, ABOUT, "analysis")
    dataset = _dataset(config, arguments)
    learner = build_learner(config.learner, dataset.n_classes, device=arguments.device, trust=arguments.trust_estimator)
    names = _names(arguments) or foreign.default_scores(fields_of(learner))
    foreign.check_scores(names, fields_of(learner))
    classes = {name: foreign.split_of(name, dataset.classes) for name in arguments.out_classes or ()}
    root, skip = arguments.data_root, arguments.skip_unreadable
    others = {
        name: load(name, root=root, download=arguments.download, skip_unreadable=skip)
        for name in arguments.out_data or ()
    }
    told: list[foreign.Told] = []
    with _epochs(learner.epochs, (len(classes) + len(others)) * len(config.protocol.seeds), arguments.threads) as tell:
        for name in (*classes, *others):
            for seed in config.protocol.seeds:
                mixed = (
                    foreign.held_out(config, dataset, classes[name], seed)
                    if name in classes
                    else foreign.mixed_with(config, dataset, others[name], seed)
                )
                told.append(
                    foreign.tell(
                        config,
                        mixed,
                        names,
                        name,
                        seed,
                        device=arguments.device,
                        trust=arguments.trust_estimator,
                        progress=lambda share: tell(len(told), share),
                    )
                )
    found = write(out, told, _about(config, dataset))
    print("\n".join([*lines(found), f"figures and tables: {out}"]))


def _names(arguments: argparse.Namespace) -> list[str] | None:
    if arguments.strategies is None:
        return None
    return [name.strip() for name in arguments.strategies.split(",")]


def _dataset(config: Any, arguments: argparse.Namespace) -> Any:
    from askew.experiment.tasks import load_dataset

    root, skip = arguments.data_root, arguments.skip_unreadable
    dataset = load_dataset(config.data, root=root, download=arguments.download, skip_unreadable=skip)
    for path in dataset.unreadable:
        print(f"askew: left out, cannot be read: {path}", file=sys.stderr)
    return dataset


@contextmanager
def _epochs(per_model: int, n_models: int, threads: int | None) -> Iterator[Any]:
    """Gives what is called with the models done and the share of the next one's training that is."""
    import torch

    from askew.cli.progress import counting

    before, each = torch.get_num_threads(), max(1, per_model)
    torch.set_num_threads(threads or 1)
    try:
        with counting("epochs") as count:
            yield lambda done, share: count(round((done + share) * each), n_models * each)
    finally:
        torch.set_num_threads(before)


def _about(config: Any, dataset: Any) -> dict[str, Any]:
    """Returns what was analysed, for the record."""
    from askew.experiment.provenance import processor, versions

    here = {"versions": versions(), "processor": processor()}
    return {"experiment": config.name, "dataset": dataset.name, "config": config.model_dump(mode="json"), **here}
