"""`askew pretrain`: pictures in, a network that learned from them without labels out."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from askew.cli.features import NEEDS, add_pool, add_reading, pool_of

if TYPE_CHECKING:
    from askew.learn.pretraining import Epoch


def add(commands: Any) -> None:
    """Adds the subcommand to the parser."""
    parser = commands.add_parser(
        "pretrain",
        help="train a network on pictures without labels (SimSiam)",
        description="Trains a network on a pool's pictures by SimSiam and writes it as safetensors: its word is "
        "simsiam:FILE wherever features are named. Labels, if there are any, serve only to show how well neighbours "
        "tell classes. After every epoch it writes FILE.checkpoint, from which the same command goes on; it removes it "
        "at the end.",
    )
    add_pool(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the .safetensors file to write")
    parser.add_argument(
        "--backbone",
        default="resnet18-cifar",
        metavar="NAME",
        help="resnet18-cifar, small-convnet (for small pictures without a GPU) or any network of timm (resnet18-cifar)",
    )
    parser.add_argument(
        "--preset",
        choices=["thesis", "desk"],
        default="thesis",
        help="the thesis's recipe of 800 epochs, for a GPU; or one for small pictures and two cores (thesis)",
    )
    parser.add_argument("--epochs", type=int, metavar="N", help="passes over the pictures (the preset's)")
    parser.add_argument("--batch", type=int, metavar="N", help="pictures a step (the preset's)")
    parser.add_argument(
        "--side-px", type=int, metavar="PX", help="the side to which pictures are brought (their shorter side)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of weights, order and views (0)")
    add_reading(parser)
    parser.set_defaults(call=call)


def call(arguments: argparse.Namespace) -> int:
    """Trains the network and writes it."""
    from askew.cli.extras import need

    need("pretraining", *NEEDS)
    from dataclasses import replace

    from askew.errors import InputError
    from askew.learn.pretraining import pretrain
    from askew.learn.simsiam import Settings

    out: Path = arguments.out
    if out.suffix.lower() != ".safetensors":
        raise InputError(f"--out: expected a .safetensors file, got {out}")
    given = {name: value for name in ("epochs", "batch") if (value := getattr(arguments, name)) is not None}
    settings = replace(Settings.preset(arguments.preset), **given)
    pool = pool_of(arguments)
    pretrain(
        pool,
        out,
        backbone=arguments.backbone,
        settings=settings,
        side_px=arguments.side_px,
        seed=arguments.seed,
        device=arguments.device,
        progress=lambda epoch: print(line(epoch), file=sys.stderr, flush=True),
    )
    print(f"{out}: {arguments.backbone}, {settings.epochs:,} epochs, {len(pool):,} pictures", file=sys.stderr)
    return 0


def line(epoch: Epoch) -> str:
    """Returns what is printed after an epoch; the time left is that of as many epochs like this one."""
    knn = "" if epoch.knn is None else f", neighbours right {100 * epoch.knn:.1f}%"
    left = epoch.seconds * (epoch.epochs - epoch.number)
    end = "" if left == 0 else f", about {left / 60:.0f} min left" if left >= 60 else ", less than a minute left"
    return f"epoch {epoch.number}/{epoch.epochs}: loss {epoch.loss:.3f}, spread {epoch.spread:.2f}{knn}{end}"
