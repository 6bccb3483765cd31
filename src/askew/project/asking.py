"""What a project asks next: which pictures, why, and what the model takes them for."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from askew.advice import NAME as AUTO
from askew.advice import advise
from askew.arrays import Floats, Indices, Mask, is_whole
from askew.errors import InputError, one_line
from askew.learn.features import Tell, quiet_progress
from askew.plan import Plan, Weight, balance_of
from askew.pool import Pool
from askew.predictions import Predictions
from askew.project import questions
from askew.project.folder import Project
from askew.project.learning import LEAST_CLASSES, Trained, View, look, said_of, there, trained
from askew.project.questions import NewQuestion, Round
from askew.project.reasons import TEST, covered, words
from askew.query import select
from askew.seeding import generator
from askew.strategies.registry import get

COVERING = "maxherding"
"""What asks before there is a model: UHerding without a label is this."""

MOST_COMPARED = 5_000
"""A strategy that reads features compares each picture with each, and people wait for it: so many unlabelled ones take
part, or five times the round if that is more, drawn at random."""

MOST_TUNED = 1_000
"""As many where a greedy strategy has its balance tuned, which takes 17 selections."""

FIRST = (
    "{why}, so the pictures that best cover all others are asked: UHerding without a model, which is {name}. Test "
    "pictures are drawn at random."
)


FOR_BOXES = (
    "Boxes are asked, and no model of them is here, so the pictures that best cover all others are asked: UHerding "
    "without a model, which is {name}."
)

NO_BOXES = "[]"
"""What a question about boxes holds where nobody has found any yet."""


class Exhausted(InputError):
    """Nothing is left to ask."""


@dataclass(frozen=True)
class Settled:
    """Which plan asks, and why it."""

    plan: Plan
    why: str


def ask(project: Project, n: int | None = None, *, seed: int | None = None, progress: Tell = quiet_progress) -> Round:
    """Asks the next pictures: writes a round of questions, and returns it.

    Without a model, or while fewer than two classes are labelled, pictures that cover the others are asked. Then the
    configured strategy asks, or with "auto" what the adviser says, balanced as configured. Labelled pictures are not
    asked, nor those that somebody could not tell, that somebody has in hand, or that are open in a round of the same
    model. A share of the round is test pictures, drawn at random until there are enough of them: no model decides
    which, and no guess is shown with them.

    Where boxes are asked, pictures that cover the others are asked for them, without a guess; all pictures take part.

    Args:
        project: what is asked about.
        n: how many, `query.n` of the configuration if left out; fewer where fewer are left.
        seed: of what is drawn and of ties; how many rounds there were if left out.
        progress: told of pictures whose features are computed first.

    Raises:
        Exhausted: nothing is left to ask.
        InputError: a strategy that this learner cannot serve.
    """
    return ask_with(project, look(project, progress), trained(project), n=n, seed=seed)


def ask_with(
    project: Project, view: View, model: Trained | None, *, n: int | None = None, seed: int | None = None
) -> Round:
    """Does what `ask` does, with what was looked at and loaded before."""
    wanted = project.config.query.n if n is None else n
    if not is_whole(wanted) or wanted < 1:
        raise InputError(f"n: expected a whole number of pictures from 1, got {one_line(repr(wanted), 40)}")
    seed = len(questions.rounds(project.store)) if seed is None else seed
    boxes = project.asks_for_boxes
    if boxes:
        view, model = replace(view, test=np.zeros_like(view.test)), None
    asked = _asked(project, view, model)
    free = ~view.settled & ~asked & np.array([there(one) for one in view.items], dtype=bool)
    tests = _tests(project, view, free, wanted, seed)  # none where boxes are asked
    pool = np.flatnonzero(~view.test)
    left = int(free[pool].sum())
    n_pool = min(wanted - len(tests), left)
    if n_pool == 0 and len(tests) == 0:
        raise Exhausted(
            f"{project.folder}: nothing is left to ask: of {len(view.items):,} pictures {int(view.settled.sum()):,} "
            f"are labelled, {int((asked & ~view.settled).sum()):,} are asked already"
        )
    settled = settle(project, view, model, n_pool) if n_pool else Settled(Plan(get("random")), "Test pictures only.")
    found = _of_pool(view, model, settled.plan, pool, free, n_pool, seed) if n_pool else []
    if boxes:
        found = [replace(one, detail=NO_BOXES) for one in found]
    balance = settled.plan.balance
    return questions.put(
        project.store,
        _mixed(found, [NewQuestion(view.items[row].id, reason=TEST) for row in tests], seed),
        strategy=settled.plan.strategy.name,
        balance="none" if balance is None else str(balance.weight),
        why=settled.why,
        n_labeled=int(view.settled.sum()) if boxes else view.n_labeled,
        seed=seed,
        training_id=None if model is None else model.training.id,
    )


def _asked(project: Project, view: View, model: Trained | None) -> Mask:
    """Returns (N,) who is not asked again: in hand of somebody, or open in a round of the same model.

    What an older model asked, and nobody has in hand, may be asked anew: only the newest question of an item counts.
    """
    training = None if model is None else model.training.id
    same = {one.id for one in questions.rounds(project.store) if one.training_id == training}
    items = {one.item_id for one in questions.open_questions(project.store) if one.round_id in same}
    items |= questions.in_hand(project.store)
    return np.array([one.id in items for one in view.items], dtype=bool)


def settle(project: Project, view: View, model: Trained | None, n: int) -> Settled:
    """Returns the plan for the next n pool items.

    Raises:
        InputError: the configured strategy needs what this learner does not give.
    """
    query = project.config.query
    if project.asks_for_boxes:
        return Settled(Plan(get(COVERING)), FOR_BOXES.format(name=COVERING))
    if model is None or view.n_known < LEAST_CLASSES:
        why = "No model has been trained yet" if model is None else "Fewer than two classes are labelled"
        return Settled(Plan(get(COVERING)), FIRST.format(why=why, name=COVERING))
    gives = ("features", *(name for name in model.learner.gives if name != "features"))
    if query.strategy == AUTO:
        labeled = view.n_labeled
        n_items = labeled + min(int((~view.test).sum()) - labeled, max(5 * n, MOST_COMPARED))
        advice = advise(len(view.classes), n_items, labeled, n, gives=("features", "probs"))
        plan, why = advice.plan, advice.why
        if query.balance == AUTO:
            return Settled(plan, why)
    else:
        plan, why = Plan(get(query.strategy)), "The configuration names it."
    if query.balance is None:
        plan = Plan(plan.strategy, plan.parameters)
    elif plan.strategy.kind != "selector":
        weight: Weight = "auto" if isinstance(query.balance, str) else query.balance
        plan = Plan(plan.strategy, plan.parameters, balance_of(weight))
    plan.check(gives, len(view.classes))
    return Settled(plan, why)


def _of_pool(
    view: View, model: Trained | None, plan: Plan, pool: Indices, free: Mask, n: int, seed: int
) -> list[NewQuestion]:
    """Returns the questions about pool items, best first."""
    covering = plan.strategy.name == COVERING
    rows, labels = _in_play(view, pool, free, keep_closed=covering)
    if "features" in plan.needs:
        rows, labels = _fewer(rows, labels, max(5 * n, _most(plan)), seed)
    fields: dict[str, Floats] = {}
    if model is not None and view.n_known >= LEAST_CLASSES:
        needs = {"probs", *plan.needs} - {"features"}
        fields = {need: said_of(model.learner, model.model, view, rows, need) for need in sorted(needs)}
    if "features" in plan.needs:
        fields["features"] = view.rows.take(rows).array()
    given = {name: fields[name] for name in plan.needs}
    found = select(plan, n, Predictions(**given), Pool(labels), seed=seed)
    probs = fields.get("probs")
    covers = covered(fields["features"], found.chosen, labels < 0) if "features" in fields else None
    counts = np.bincount(view.pool_labels[view.pool_labels >= 0], minlength=len(view.classes))
    said = words(plan, found.chosen, probs, covers, counts, view.classes)
    out = []
    for place, row in enumerate(found.chosen.tolist()):
        guess = None if probs is None else int(probs[row].argmax())
        out.append(
            NewQuestion(
                view.items[rows[row]].id,
                score=None if found.scores is None else float(found.scores[place]),
                reason=said[place],
                guess=None if guess is None else view.classes[guess],
                confidence=None if probs is None or guess is None else float(probs[row, guess]),
            )
        )
    return out


def _in_play(view: View, pool: Indices, free: Mask, *, keep_closed: bool) -> tuple[Indices, Indices]:
    """Returns the rows that a strategy sees and their labels, -1 for what may be asked.

    What may not be asked and has no class is left out; a covering strategy sees it as covered: in class 0, which it
    does not read.
    """
    labels = view.pool_labels
    closed = ~free & (labels < 0)
    if keep_closed:
        labels = np.where(closed, 0, labels)
        return pool, labels[pool]
    rows = pool[~closed[pool]]
    return rows, labels[rows]


def _most(plan: Plan) -> int:
    """Returns how many unlabelled pictures a strategy compares at most."""
    tuned = plan.balance is not None and plan.balance.weight == "auto" and plan.strategy.kind == "greedy"
    return MOST_TUNED if tuned else MOST_COMPARED


def _fewer(rows: Indices, labels: Indices, most: int, seed: int) -> tuple[Indices, Indices]:
    """Returns rows and labels with at most so many that may be asked, drawn at random, in the order they had."""
    free = np.flatnonzero(labels < 0)
    if len(free) <= most:
        return rows, labels
    drawn = generator(seed, "compared").choice(free, most, replace=False)
    kept = np.sort(np.concatenate([np.flatnonzero(labels >= 0), drawn]))
    return rows[kept], labels[kept]


def _tests(project: Project, view: View, free: Mask, n: int, seed: int) -> Indices:
    """Returns the rows of the test items of a round of n, in the order in which they were drawn.

    n times the share are drawn, the broken part of it by chance, until there are `most` labelled or asked.
    """
    config = project.config.test
    rng = generator(seed, "test items")
    taken = int((view.test & ~free).sum())
    whole, part = divmod(n * config.share, 1)
    count = int(whole) + int(rng.random() < part)
    rows = np.flatnonzero(free & view.test)
    count = max(0, min(count, len(rows), config.most - taken))
    return np.asarray(rng.permutation(rows)[:count])


def _mixed(pool: list[NewQuestion], tests: list[NewQuestion], seed: int) -> list[NewQuestion]:
    """Returns the questions of both, each in its order, at places drawn at random."""
    places = generator(seed, "places").permutation(len(pool) + len(tests))[: len(tests)]
    at, rest, drawn = set(places.tolist()), iter(pool), iter(tests)
    return [next(drawn) if place in at else next(rest) for place in range(len(pool) + len(tests))]
