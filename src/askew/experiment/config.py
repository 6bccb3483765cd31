"""What an experiment is: a TOML file, checked key by key before anything is read, trained or written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StrictBool, StrictFloat, ValidationError, field_validator, model_validator

from askew.advice import NAME as AUTO
from askew.advice import Auto
from askew.errors import InputError
from askew.experiment.mistakes import first_mistake, refuse_no_numbers
from askew.experiment.paper_config import PaperConfig
from askew.experiment.section import STRICT
from askew.experiment.vaal_config import VaalConfig
from askew.learn.heads import head_of
from askew.learn.sources import Source
from askew.plan import Balance, Plan, balance_of
from askew.pseudo_labels import PseudoLabels
from askew.query import refuse_beside_auto
from askew.recorders import RECORDINGS
from askew.strategies.registry import get

MOST_SEEDS = 10_000
"""More than anybody means: a slip of the finger."""

_BESIDE_AUTO = ("strategy", "label", "pseudo_labels")
"""What may stand in an entry whose strategy is "auto"."""

_FOLDER_NAME = re.compile(r"[\w+\-(),=][\w+\-(),=.]{0,99}")


class _Section(BaseModel):
    model_config = STRICT


class LongTailConfig(_Section):
    """Which part of the classes is made rare (section 4.4.1 of the thesis)."""

    imbalance: Annotated[float, Field(gt=0, le=1)]
    """IF: the share of its items that a rare class keeps; 1 keeps everything."""
    kind: Literal["step", "exponential"] = "step"
    """"step" cuts half of the classes alike, "exponential" from class to class."""


class DataConfig(_Section):
    """Where the images come from and which of them take part."""

    source: Annotated[str, Field(min_length=1)]
    """A dataset's name, an image folder, an .npz, a .parquet or a folder of such; see `askew.data.load`."""
    label_column: str | None = None
    """The column of labels in metadata.csv or Parquet; `label`, `labels` or `class` if left out; "" if none."""
    image_side_px: Annotated[int, Field(gt=0)] | None = None
    """Pictures in files, or encoded in one, are brought to this square; a default by their sizes if left out."""
    pool_items: Annotated[int, Field(gt=0)] | None = None
    """How many training items, drawn at random by seed, form the pool; all if left out."""
    test_items: Annotated[int, Field(gt=0)] | None = None
    """How many test items, drawn once, measure accuracy; all if left out."""
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """The share held out of a folder or file that brings no test part."""
    long_tail: LongTailConfig | None = None


FEATURE_KEYS = ("features", "feature_side_px", "head", "parameters", "warm_start")
"""The keys of `[learner]` that a head on frozen features has."""

FINETUNE_KEYS = ("features", "finetune", "feature_side_px", "training", "mc_passes", "dropout", "warm_start")
"""The keys of `[learner]` that the training of a source's network has."""


class LearnerConfig(_Section):
    """What is trained on the labelled items in every cycle."""

    backbone: str = "small-convnet"
    """A name from `askew.learn.backbones`, any timm model, or empty with `estimator`."""
    preset: str = "default"
    """The training preset that the keys of `training` change."""
    training: dict[str, float | int | bool | str | list[Any]] = {}
    """Fields of `askew.learn.Training` that differ from the preset."""
    pretrained: bool | str = False
    """A file of weights, or true for timm's own download."""
    mc_passes: Annotated[int, Field(ge=2)] = 20
    """Stochastic passes for strategies that read `draws`."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """The share of features dropped in training and in stochastic passes."""
    warm_start: StrictBool = False
    """Start each cycle's training from the model of the cycle before, in place of a new network."""
    estimator: str | None = None
    """Dotted path of a class with fit and predict_proba, such as sklearn.linear_model.LogisticRegression."""
    features: str | None = None
    """Frozen features in place of a backbone: efficientnet-lite0, timm:NAME, timm:NAME:WEIGHTS, simsiam:FILE or
    file:FEATURES.npy."""
    finetune: StrictBool = False
    """Train the network of `features` too, from its weights, by the preset "finetune" that `training` changes."""
    feature_side_px: Annotated[int, Field(ge=16)] | None = None
    """To which side pictures are brought for their features; the one that the network was trained on if left out."""
    head: Literal["logistic", "linear", "svm"] | None = None
    """What is trained on the features in every cycle; "logistic" if left out."""
    parameters: dict[str, Any] = {}
    """Arguments of the estimator's constructor, or of the head: C, class_weights, …; see `askew.learn.heads`."""

    @model_validator(mode="after")
    def _one_learner(self) -> LearnerConfig:
        if self.features is None:
            for key in ("head", "feature_side_px", "finetune"):
                if getattr(self, key) not in (None, False):
                    raise ValueError(f"learner.{key}: is for frozen features: say features = ..., or leave it out")
            return self
        keys, what = (FINETUNE_KEYS, "fine-tuning") if self.finetune else (FEATURE_KEYS, "frozen features")
        for key, field in type(self).model_fields.items():
            if key not in keys and getattr(self, key) != field.default:
                raise ValueError(f"learner.{key}: is not for {what}: leave it out, or leave features out")
        source, head = Source.of(self.features), head_of(self.head_name, self.parameters)
        if source.is_file and self.finetune:
            raise ValueError(f"learner.finetune: {self.features} has no network that could be trained: leave it out")
        if source.is_file and self.feature_side_px is not None:
            raise ValueError("learner.feature_side_px: a file has its features already: leave it out")
        if self.warm_start and not self.finetune and not head.warm:
            raise ValueError(f"learner.warm_start: head {self.head} is trained anew in every cycle: leave it out")
        return self

    @property
    def trained_anew(self) -> str:
        """Why no training can start from another model, in a few words; empty if one can."""
        if self.estimator is not None:
            return "an estimator cannot be saved"
        frozen = self.features is not None and not self.finetune
        if frozen and not head_of(self.head_name, self.parameters).warm:
            return f"head {self.head_name} is trained anew in every cycle"
        return ""

    @property
    def head_name(self) -> str:
        """The head on frozen features."""
        return self.head or "logistic"


class ProtocolConfig(_Section):
    """How many labels, when, and how often the whole is repeated."""

    initial: Annotated[int, Field(gt=0)]
    """Labels of the first cycle, the same for every strategy of a seed."""
    initial_set: Literal["random", "uniform"] = "random"
    """Drawn from the pool at random, or the same number of each class."""
    budget: Annotated[int, Field(gt=0)]
    """Labels asked after each cycle but the last."""
    cycles: Annotated[int, Field(gt=0)]
    """Trainings, the first one on the initial labels included."""
    seeds: Annotated[list[int], Field(min_length=1)] = [0, 1, 2]
    """A list of seeds, or how many: 5 means 0 to 4."""
    full: bool = False
    """Also train on the whole pool, once a seed, as the line to reach."""

    @field_validator("seeds", mode="before")
    @classmethod
    def _count_of_seeds(cls, value: object) -> object:
        if isinstance(value, list):
            return value
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError("expected a list of seeds, or how many")
        if not 1 <= value <= MOST_SEEDS:
            raise ValueError(f"expected 1 to {MOST_SEEDS:,} seeds")
        return list(range(value))

    @field_validator("seeds")
    @classmethod
    def _distinct_seeds(cls, value: list[int]) -> list[int]:
        if len(set(value)) != len(value) or min(value) < 0:
            raise ValueError("expected distinct numbers from 0")
        return value


class PoolConfig(_Section):
    """How the pool arrives, where it does not lie there from the start.

    See [a pool that arrives](dispersion.md#a-pool-that-arrives).
    """

    arrivals: Annotated[list[float], Field(min_length=1)]
    """The share of the pool that is there at each cycle, above 0, at most 1 and never falling; the last one repeats."""
    order: Literal["random", "class"] = "random"
    """"random", or "class": class after class, drawn by seed, so that new classes appear later."""

    @field_validator("arrivals")
    @classmethod
    def _rising_shares(cls, value: list[float]) -> list[float]:
        if not all(0 < share <= 1 for share in value) or value != sorted(value):
            raise ValueError("expected shares above 0 and at most 1 that never fall")
        return value


class PseudoLabelsConfig(_Section):
    """Which unlabeled items are trained on too, with classes that a model gave them.

    See [semi-supervised](semi-supervised.md).
    """

    models: Literal["two", "one"] = "two"
    """"two": model A gives the classes, B is trained on them too and asks (section 3.5 of the thesis); "one": CEAL."""
    certainty: Literal["dispersion", "entropy"] | None = None
    """What makes an item certain: low label dispersion, which "two" takes if left out, or low entropy, as in CEAL."""
    share: Annotated[float, Field(ge=0, lt=1)] | None = None
    """How many items, as a share of the pool; 0 trains the second model on the labels alone, a control."""
    threshold: Annotated[float, Field(gt=0)] | None = None
    """For "one", in place of a share: the entropy in nats below which every item gets a pseudo-label."""
    decay: Annotated[float, Field(ge=0)] = 0.0
    """By how much the threshold falls from cycle to cycle."""

    @model_validator(mode="after")
    def _checked(self) -> PseudoLabelsConfig:
        self.settings()
        return self

    def settings(self) -> PseudoLabels:
        """Returns the checked settings."""
        certainty = self.certainty or ("dispersion" if self.models == "two" else "entropy")
        return PseudoLabels(self.models, certainty, self.share, self.threshold, self.decay)


class StrategyConfig(_Section):
    """One line of the comparison: a strategy, its parameters and whether it is balanced."""

    strategy: str
    """A name from `askew strategies`, or "auto": in every cycle the one that `askew advise` says."""
    label: str = ""
    """Its name in files and figures; made from the strategy and the balance if left out."""
    parameters: dict[str, Any] = {}
    """The strategy's own parameters."""
    balance: StrictFloat | Literal["auto"] | None = None
    """The weight λ of the class balance, "auto" to tune it; no balance if left out."""
    balance_by: Literal["probs", "predicted"] = "probs"
    """"probs" weighs score against expected classes; "predicted" takes quotas of predicted classes, without λ."""
    balance_distance: Literal["l1", "l2", "wasserstein"] = "l1"
    """Between demand and expected class counts; scorers only."""
    balance_ground_metric: list[list[float]] | None = None
    """The cost of taking one class for another, a row a class, for "wasserstein"; |i − j| if left out."""
    balance_per_class: StrictBool = False
    """Divide λ by the number of classes, as the authors' code does; greedy strategies only (Algorithm 2)."""
    balance_tune: Literal["every-cycle", "first-cycle"] = "every-cycle"
    """Where "auto" finds its λ: in every cycle, or once after the initial set, as the thesis does."""
    target: list[float] | None = None
    """The class distribution wanted, one share a class; uniform if left out."""
    carry: StrictBool = False
    """What the trainings of earlier cycles recorded of an item counts too; for strategies that read its dispersion."""
    pseudo_labels: PseudoLabelsConfig | None = None
    """Also train on the unlabeled items that a model is most certain of; then trainings start warm."""

    @model_validator(mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        if isinstance(value, str):
            return {"strategy": value}
        return value

    @field_validator("balance", mode="before")
    @classmethod
    def _whole_weights(cls, value: object) -> object:
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @model_validator(mode="after")
    def _checked(self) -> StrategyConfig:
        plan, pseudo = self.plan(), self.pseudo
        recorded = [name for name in plan.needs if name in RECORDINGS] if isinstance(plan, Plan) else []
        if pseudo is not None and pseudo.models == "one" and recorded:
            raise InputError(
                f'pseudo_labels: with models = "one" {recorded[0]} of the items trained on is not known when '
                f'{self.strategy} asks: take another strategy, or models = "two"'
            )
        if self.carry and not (recorded and all(RECORDINGS[name].carried for name in recorded)):
            raise InputError(f"carry: {self.strategy} reads nothing that trainings record: leave it out")
        if self.carry and pseudo is not None:
            raise InputError("carry: the models of pseudo_labels are trained anew in other ways: leave it out")
        return self

    @property
    def name(self) -> str:
        """The label in files and figures, such as `entropy+balance`."""
        if self.label:
            return self.label
        balance, pseudo = self.as_balance(), self.pseudo
        name = self.strategy
        if balance is not None:
            how = "pseudo-label" if balance.by == "predicted" else "balance"
            name += f"+{how}" if balance.distance == "l1" else f"+{how}-{balance.distance}"
        name += "+carried" if self.carry else ""
        return name if pseudo is None else f"{name}+{pseudo.name}"

    def plan(self) -> Plan | Auto:
        """Returns the checked request that the loop passes on in every cycle, or settles in every cycle.

        Raises:
            InputError: an unknown strategy or parameter, or a balance that it cannot have.
        """
        if self.strategy == AUTO:
            chosen = {key: one for key, one in type(self).model_fields.items() if key not in _BESIDE_AUTO}
            refuse_beside_auto({key: getattr(self, key) != one.default for key, one in chosen.items()})
            return Auto()
        balance = balance_of(
            self.balance,
            target=self.target,
            by=self.balance_by,
            distance=self.balance_distance,
            ground_metric=self.balance_ground_metric,
            per_class=self.balance_per_class,
            tune=self.balance_tune,
        )
        return Plan(get(self.strategy), self.parameters, balance)

    @property
    def pseudo(self) -> PseudoLabels | None:
        """What is trained on beside the labels, checked, or None."""
        return None if self.pseudo_labels is None else self.pseudo_labels.settings()

    def as_balance(self) -> Balance | None:
        """Returns the balance of the plan, or None."""
        plan = self.plan()
        return plan.balance if isinstance(plan, Plan) else None


class ExperimentConfig(_Section):
    """A whole experiment: strategies × seeds under one protocol."""

    name: str
    data: DataConfig
    learner: LearnerConfig = LearnerConfig()
    protocol: ProtocolConfig
    pool: PoolConfig | None = None
    strategies: Annotated[list[StrategyConfig], Field(min_length=1)]
    vaal: VaalConfig | None = None
    paper: PaperConfig | None = None

    @model_validator(mode="after")
    def _distinct_labels(self) -> ExperimentConfig:
        names = [s.name for s in self.strategies]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"strategies: two entries are called {twice[0]!r}: give one a label, or leave it out")
        for name in (self.name, *names):
            if not _FOLDER_NAME.fullmatch(name):
                raise ValueError(
                    f"{name!r:.60} cannot name a folder: use letters, digits, '+', '-', '_' and '.', at most 100"
                )
        if "full" in names:
            raise ValueError("'full' is the label of the run on the whole pool: use another")
        return self

    @model_validator(mode="after")
    def _warm_learner(self) -> ExperimentConfig:
        if self.learner.warm_start and self.learner.estimator is not None:
            raise ValueError("learner.warm_start: an estimator is trained anew in every cycle: it cannot be saved")
        return self

    @model_validator(mode="after")
    def _warm_pseudo_labels(self) -> ExperimentConfig:
        anew = self.learner.trained_anew
        for entry in self.strategies:
            if entry.pseudo_labels is not None and anew:
                raise ValueError(f"{entry.name}: pseudo_labels train each model from another, and {anew}: leave it out")
        return self

    @model_validator(mode="after")
    def _arriving_pool(self) -> ExperimentConfig:
        if self.pool is None:
            return self
        n_shares, n_cycles = len(self.pool.arrivals), self.protocol.cycles
        if n_shares > n_cycles:
            raise ValueError(f"pool.arrivals: has {n_shares} shares for {n_cycles} cycles: give one a cycle at most")
        for entry in self.strategies:
            if entry.pseudo_labels is not None:
                raise ValueError(f"{entry.name}: pseudo_labels need the whole pool from the start: leave pool out")
        wants_all = self.data.long_tail is not None or self.protocol.initial_set != "random"
        if self.pool.order == "class" and wants_all:
            raise ValueError(
                'pool.order: "class" has few classes at the start, and the initial set wants all: leave '
                "data.long_tail and protocol.initial_set out"
            )
        return self

    @model_validator(mode="after")
    def _rows_of_a_file(self) -> ExperimentConfig:
        features = self.learner.features
        if features is not None and Source.of(features).is_file and self.data.test_items is not None:
            raise ValueError(f"data.test_items: {features} has a row for every test picture: leave test_items out")
        return self


def parse(values: Mapping[str, Any], origin: str) -> ExperimentConfig:
    """Returns the checked experiment.

    Args:
        values: what a TOML file holds.
        origin: where it comes from, for messages.

    Raises:
        InputError: one line that names the key, the value and the choices.
    """
    try:
        refuse_no_numbers(values)
        return ExperimentConfig.model_validate(values)
    except ValidationError as error:
        raise InputError(f"{origin}: {first_mistake(error, values, ExperimentConfig)}") from error
    except InputError as error:
        raise InputError(f"{origin}: {error}") from error
