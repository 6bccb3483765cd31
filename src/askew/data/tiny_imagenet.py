"""Tiny ImageNet: 100,000 training and 10,000 validation pictures of 64×64 in 200 classes, from its unpacked archive."""

from __future__ import annotations

from pathlib import Path

from askew.data import folder, places
from askew.data.dataset import Dataset
from askew.errors import DataNotFound, InputError

FOLDER, SIDE_PX = "tiny-imagenet-200", 64


def read(roots: list[Path]) -> Dataset:
    """Returns the training split and, as its test set, the validation split (the test split has no labels).

    Classes are WordNet numbers in alphabetical order, as `wnids.txt` names them.

    Raises:
        DataNotFound: no root holds the unpacked archive.
        InputError: a file of it is missing or damaged.
    """
    place = next(
        (p for root in roots for p in (root / FOLDER, root) if (p / "val/val_annotations.txt").is_file()), None
    )
    if place is None:
        raise DataNotFound(
            f"tiny-imagenet: not found in {places.listing(roots)}: get http://cs231n.stanford.edu/{FOLDER}.zip and "
            f"unpack it there, so that {FOLDER}/val/val_annotations.txt is in one of these"
        )
    classes, train = folder.listing(place / "train")
    number = {name: c for c, name in enumerate(classes)}
    paths, labels = [], []
    for line in (place / "val/val_annotations.txt").read_text(encoding="utf-8").splitlines():
        file, name = line.split("\t")[:2]
        if name not in number:
            raise InputError(f"{place}/val/val_annotations.txt: {name!r} is no folder of train")
        paths.append(place / "val/images" / file)
        labels.append(number[name])
    absent = next((p for p in paths if not p.is_file()), None)
    if absent is not None:
        raise InputError(f"tiny-imagenet: {absent} is missing: unpack the archive again")
    test = folder.Listing(tuple(paths), tuple(labels))
    return Dataset("tiny-imagenet", classes, folder.images(train, SIDE_PX), folder.images(test, SIDE_PX))
