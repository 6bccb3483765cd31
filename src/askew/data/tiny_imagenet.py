"""Tiny ImageNet: 100,000 training and 10,000 validation pictures of 64×64 in 200 classes, from its unpacked archive."""

from __future__ import annotations

from pathlib import Path

from askew.data import folder, places
from askew.data.dataset import Dataset
from askew.data.reading import read_text
from askew.errors import DataNotFound, InputError, one_line

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
    list_file = place / "val/val_annotations.txt"
    for i, line in enumerate(read_text(list_file).splitlines(), start=1):
        file, name, *_ = *line.split("\t"), "", ""
        if name not in number or Path(file).name != file:
            what = "is no folder of train" if name not in number else "is no picture's name"
            raise InputError(f"{list_file}: line {i}: {one_line(name if name not in number else file, 60)!r} {what}")
        paths.append(place / "val/images" / file)
        labels.append(number[name])
    absent = next((p for p in paths if not p.is_file()), None)
    if absent is not None:
        raise InputError(f"tiny-imagenet: {absent} is missing: unpack the archive again")
    test = folder.Listing(tuple(paths), tuple(labels))
    return Dataset("tiny-imagenet", classes, folder.images(train, SIDE_PX), folder.images(test, SIDE_PX))
