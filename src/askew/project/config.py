"""`askew.toml`: what a project is, checked key by key; written once, when it begins, and the user's from then on."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from askew.data.reading import decoding, read_text
from askew.errors import InputError, one_line, unknown
from askew.learn.heads import HEADS
from askew.learn.sources import PACKAGED, Source
from askew.plan import balance_of
from askew.project.store import checked_classes
from askew.strategies.registry import get

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE = "askew.toml"

AUTO = "auto"

CLASSES, BOXES = "classes", "boxes"
"""What is asked of a picture: its class, or the boxes of what is in it."""


@dataclass(frozen=True)
class LearnerSettings:
    """What learns from the answers.

    Attributes:
        features: efficientnet-lite0, timm:NAME, timm:NAME:WEIGHTS or simsiam:FILE.
        side_px: to which side pictures are brought; the one that the network was trained on if left out.
        head: what is trained on the features.
        finetune: train the network too.
    """

    features: str = PACKAGED
    side_px: int | None = None
    head: str = "logistic"
    finetune: bool = False

    def __post_init__(self) -> None:
        if Source.of(self.features).is_file:
            raise InputError("features: a file of features has no network for pictures that come later")
        if self.side_px is not None:
            _whole("side_px", self.side_px, 16)
        if self.head not in HEADS:
            raise unknown("head", self.head, HEADS)
        _is("finetune", self.finetune, bool, "true or false")


@dataclass(frozen=True)
class QuerySettings:
    """What is asked.

    Attributes:
        strategy: "auto", which is what `askew advise` says, or a name from `askew strategies`.
        balance: the weight λ of the class balance; "auto" takes the adviser's, and beside a strategy of your own
            tunes it; None for no balance, in the file "none".
        n: how many questions a round has.
    """

    strategy: str = AUTO
    balance: float | str | None = AUTO
    n: int = 20

    def __post_init__(self) -> None:
        if self.strategy != AUTO:
            _is("strategy", self.strategy, str, "a name")
            get(self.strategy)
        if self.balance == "none":
            object.__setattr__(self, "balance", None)
        if isinstance(self.balance, str) and self.balance != AUTO:
            raise unknown("balance", self.balance, [AUTO, "none", "a number"])
        if type(self.balance) is int:
            object.__setattr__(self, "balance", float(self.balance))
        if self.balance is not None and self.balance != AUTO:
            _is("balance", self.balance, float, 'a number, "auto" or "none"')
            balance_of(float(self.balance))
        _whole("n", self.n, 1)


@dataclass(frozen=True)
class TestSettings:
    """What is kept for measuring accuracy.

    Attributes:
        share: of the pictures, 0 for none.
        most: how many at most: of more pictures the share is smaller, and more are not asked.
    """

    __test__ = False

    share: float = 0.1
    most: int = 500

    def __post_init__(self) -> None:
        if type(self.share) is int:
            object.__setattr__(self, "share", float(self.share))
        _is("share", self.share, float, "a number from 0 to below 1")
        check_share("share", self.share)
        _whole("most", self.most, 0)


@dataclass(frozen=True)
class ProjectConfig:
    """What stands in `askew.toml`.

    Attributes:
        classes: their names, in the order of the page's buttons.
        images: the folders of pictures.
        store: the URL of PostgreSQL; None for SQLite in the project's folder.
        retrain_after: how many new labels make `askew watch` train again.
        learner, query, test: see their classes.
        task: what is asked of a picture, "classes" or "boxes".
    """

    classes: tuple[str, ...]
    images: tuple[Path, ...]
    store: str | None = None
    retrain_after: int = 10
    learner: LearnerSettings = field(default_factory=LearnerSettings)
    query: QuerySettings = field(default_factory=QuerySettings)
    test: TestSettings = field(default_factory=TestSettings)
    task: str = CLASSES

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", checked_classes(_texts("classes", self.classes)))
        if not self.classes:
            raise InputError("classes: there are none")
        folders = tuple(Path(one).expanduser() for one in _texts("images", [*map(_as_text, self.images)]))
        if not folders:
            raise InputError("images: there are none: name the folders of pictures")
        object.__setattr__(self, "images", folders)
        if self.store is not None:
            _is("store", self.store, str, "a URL")
        _whole("retrain_after", self.retrain_after, 1)
        if self.task not in (CLASSES, BOXES):
            raise unknown("task", str(self.task), (CLASSES, BOXES))

    def text(self) -> str:
        """Returns it as TOML, with a line on what each key says."""
        return _TEMPLATE.format(
            classes=_toml(list(self.classes)),
            images=_toml(list(map(str, self.images))),
            store="" if self.store is None else f"store = {_toml(self.store)}\n",
            retrain_after=self.retrain_after,
            task=_toml(self.task),
            features=_toml(self.learner.features),
            side_px="" if self.learner.side_px is None else f"side_px = {self.learner.side_px}\n",
            head=_toml(self.learner.head),
            finetune=_toml(self.learner.finetune),
            strategy=_toml(self.query.strategy),
            balance=_toml("none" if self.query.balance is None else self.query.balance),
            n=self.query.n,
            share=self.test.share,
            most=self.test.most,
        )


def check_share(name: str, share: float) -> None:
    """Raises `InputError` unless 0 <= share < 1."""
    if not 0 <= share < 1:
        raise InputError(f"{name}: must be at least 0 and below 1, got {share}")


def read(folder: Path) -> ProjectConfig:
    """Returns what stands in the `askew.toml` of a project's folder; its folders of pictures may be relative to it.

    Raises:
        DataNotFound: there is none.
        InputError: it is no TOML, or a key or value is wrong.
    """
    path = folder / FILE
    where = one_line(path)
    text = read_text(path)
    with decoding(path, "TOML"):
        values = tomllib.loads(text)
    try:
        parts = {name: _section(name, kind, values.pop(name, {})) for name, kind in _SECTIONS.items()}
        _known_keys("", values, ProjectConfig)
        for name in ("classes", "images"):
            if name not in values:
                raise InputError(f"{name}: is missing")
        images = [folder / Path(one).expanduser() for one in _texts("images", values.pop("images"))]
        return ProjectConfig(images=tuple(images), **values, **parts)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def _section(name: str, kind: Any, values: object) -> Any:
    if not isinstance(values, Mapping):
        raise InputError(f"{name}: expected a table, [{name}], got {one_line(repr(values), 60)}")
    _known_keys(f"{name}.", values, kind)
    try:
        return kind(**values)
    except InputError as error:
        raise InputError(f"[{name}] {error}") from error


def _known_keys(where: str, values: Mapping[str, object], kind: Any) -> None:
    known = [one.name for one in fields(kind)]
    for key in values:
        if key not in known:
            raise unknown("key", f"{where}{key}", [f"{where}{one}" for one in known])


def _texts(name: str, values: object) -> Sequence[str]:
    if not isinstance(values, list | tuple) or not all(isinstance(one, str) for one in values):
        raise InputError(f'{name}: expected a list of text, as in ["one", "two"], got {one_line(repr(values), 60)}')
    return values


def _as_text(path: object) -> str:
    """Returns a path as text.

    Raises:
        InputError: its name is not UTF-8.
    """
    text = str(path)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"images: {one_line(text)}: its name is not UTF-8: rename the folder") from error
    return text


def _is(name: str, value: object, kind: type, expected: str) -> None:
    if type(value) is not kind or (isinstance(value, float) and not math.isfinite(value)):
        raise InputError(f"{name}: expected {expected}, got {one_line(repr(value), 60)}")


def _whole(name: str, value: object, least: int) -> None:
    if type(value) is not int or not least <= value < 2**31:
        raise InputError(f"{name}: expected a whole number of at least {least}, got {one_line(repr(value), 60)}")


def _toml(value: object) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


_SECTIONS = {"learner": LearnerSettings, "query": QuerySettings, "test": TestSettings}

_TEMPLATE = """\
# What this project is. askew wrote it once; it is yours now.
classes = {classes}  # more may be added; none is taken away from what people said
images = {images}
task = {task}  # what is asked of a picture: "classes" for its class, "boxes" for what is in it and where
{store}retrain_after = {retrain_after}  # new labels, then `askew watch` and `askew label` learn again

[learner]
features = {features}  # of a frozen network; see `askew features --help`
{side_px}head = {head}  # or "linear", "svm"
finetune = {finetune}  # true trains the network too, which takes longer

[query]
strategy = {strategy}  # "auto" follows `askew advise`; or a name from `askew strategies`
balance = {balance}  # the weight of the class balance, such as 0.6; "auto": as advised; "none": without
n = {n}  # questions a round

[test]
share = {share}  # of the pictures, kept for measuring accuracy; of pictures that are known it stays as it is
most = {most}  # of them are asked at most
"""
