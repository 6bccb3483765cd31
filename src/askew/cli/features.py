"""`askew features`: pictures in, the features of a frozen network out."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

NEEDS = ("vision", "torch", "torchvision", "timm", "PIL", "rich")
"""The extra that brings what computing features imports, and those modules."""


def add(commands: Any) -> None:
    """Adds the subcommand to the parser."""
    parser = commands.add_parser(
        "features",
        help="compute the features of pictures by a frozen network, once",
        description="Writes the features of a pool's pictures, row i for picture i, as a .npy file that `askew pick "
        "--features` takes. They are also kept in the cache folder by the content of the pictures: what was computed "
        "before, or before an interruption, is not computed again.",
    )
    add_pool(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the .npy file to write")
    parser.add_argument(
        "--by",
        default="efficientnet-lite0",
        metavar="SOURCE",
        help="efficientnet-lite0, timm:NAME, timm:NAME:WEIGHTS with a file of weights, or simsiam:FILE with what askew "
        "pretrain wrote (efficientnet-lite0)",
    )
    parser.add_argument(
        "--side-px",
        type=int,
        metavar="PX",
        help="the side to which pictures are brought (what the network was trained on); half of it takes a quarter of "
        "the time",
    )
    parser.add_argument("--names", type=Path, metavar="FILE", help="write the pictures' file names, one a line")
    add_reading(parser)
    parser.set_defaults(call=call)


def add_pool(parser: argparse.ArgumentParser) -> None:
    """Adds the pictures that a command reads; see `pool_of`."""
    parser.add_argument(
        "pool", metavar="POOL", help="a folder of pictures, an .npz or .npy file of them, or the name of a data set"
    )


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Adds how these pictures are read, and where a network looks at them."""
    parser.add_argument(
        "--part",
        choices=["train", "test"],
        help="read POOL as a data set, as an experiment does, and take these pictures of it; of a name: train",
    )
    parser.add_argument("--data-root", type=Path, metavar="DIR", help="where datasets are (data)")
    parser.add_argument("--skip-unreadable", action="store_true", help="leave out pictures that cannot be read")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, … (a GPU if there is one)")


def call(arguments: argparse.Namespace) -> int:
    """Computes the features and writes them."""
    from askew.cli.extras import need

    need("computing features", *NEEDS)
    import numpy as np

    from askew.cli.progress import counting
    from askew.errors import InputError
    from askew.files import whole_file, write_whole
    from askew.learn.features import features
    from askew.learn.sources import Source

    out: Path = arguments.out
    if out.suffix.lower() != ".npy":
        raise InputError(f"--out: expected a .npy file, got {out}")
    if Source.of(arguments.by).is_file:
        raise InputError(f"--by: {arguments.by} has its features already: pass the file itself to askew pick")
    pool = pool_of(arguments)
    if arguments.names is not None and not pool.names:
        raise InputError("--names: these pictures have no file names: leave it out")
    for path in (out, arguments.names):
        if path is not None and path.resolve() == Path(arguments.pool).resolve():
            raise InputError(f"{path}: is what is read: choose another name")
    with whole_file(out) as draft:
        with counting("features") as tell:
            found = features(pool, arguments.by, side_px=arguments.side_px, device=arguments.device, progress=tell)
        with draft.open("wb") as stream:
            np.save(stream, found)
    if arguments.names is not None:
        write_whole(arguments.names, "".join(f"{name}\n" for name in pool.names))
    print(f"{out}: {_several(len(found))}, {found.shape[1]:,} features each, by {arguments.by}", file=sys.stderr)
    return 0


def pool_of(arguments: argparse.Namespace) -> Any:
    """Returns the pictures in the pool's order."""
    from askew.data.dataset import Images
    from askew.data.load import NAMES, load

    if arguments.part or arguments.pool in NAMES:
        dataset = load(arguments.pool, root=arguments.data_root, skip_unreadable=arguments.skip_unreadable)
        return dataset.test if arguments.part == "test" else dataset.train
    return Images.of(arguments.pool, skip_unreadable=arguments.skip_unreadable)


def _several(n: int) -> str:
    return "1 picture" if n == 1 else f"{n:,} pictures"
