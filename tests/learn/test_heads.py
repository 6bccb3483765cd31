"""Heads: each is held against its objective, computed another way."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

import torch
from scipy.optimize import minimize

from askew.errors import InputError
from askew.learn import heads
from askew.learn.heads import SVM, Linear, Logistic, Weights, dealt, head_of, softmax
from askew.seeding import generator

N, D, C = 60, 5, 4


def quiet(epoch, weights):
    pass


def fit(head, x, y, *, seed=0, start=None, n_classes=C, tell=quiet):
    return head.fit(x, y, n_classes, seed=seed, start=start, tell=tell)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    y = rng.choice(C, N, p=[0.55, 0.25, 0.15, 0.05])
    return rng.normal(size=(N, D)) + 0.8 * np.eye(C, D)[y], y


def logistic_by_descent(x, y, weight_of_item, C_):
    """Minimises the docstring's formula with another optimiser, from its definition alone."""

    def loss(flat):
        w, b = flat[: C * D].reshape(C, D), flat[C * D :]
        z = x @ w.T + b
        log_sum = np.log(np.exp(z - z.max(1, keepdims=True)).sum(1)) + z.max(1)
        return 0.5 * (w**2).sum() + C_ * (weight_of_item * (log_sum - z[np.arange(len(y)), y])).sum()

    found = minimize(loss, np.zeros(C * D + C), method="BFGS", options={"gtol": 1e-6}).x
    return softmax(x @ found[: C * D].reshape(C, D).T + found[C * D :])


@pytest.mark.parametrize("weighted", [False, True])
def test_logistic_minimises_its_formula(data, weighted):
    x, y = data
    counts = np.bincount(y, minlength=C)
    of_item = N / (C * counts[y]) if weighted else np.ones(N)
    found = fit(Logistic(C=0.5, class_weights=weighted), x, y)
    assert np.allclose(found.probs(x), logistic_by_descent(x, y, of_item, 0.5), atol=2e-3)


def test_logistic_of_two_classes_is_a_sigmoid(data):
    x, y = data
    y = (y > 0).astype(np.int64) * 2  # classes 0 and 2 of 4
    found = fit(Logistic(C=0.5), x, y)

    def loss(flat):
        z = (x @ flat[:D] + flat[D]) * np.where(y == 2, 1, -1)
        return 0.5 * (flat[:D] ** 2).sum() + 0.5 * np.logaddexp(0, -z).sum()

    w = minimize(loss, np.zeros(D + 1), method="BFGS").x
    assert np.allclose(found.probs(x)[:, 2], 1 / (1 + np.exp(-(x @ w[:D] + w[D]))), atol=1e-3)
    assert (found.probs(x)[:, [1, 3]] == 0).all()


def test_logistic_comes_to_the_same_from_a_start(data):
    x, y = data
    cold = fit(Logistic(), x, y)
    for known in (np.arange(N), np.flatnonzero(y < 3), np.flatnonzero(y < 2)):  # a start that knows fewer classes
        start = fit(Logistic(), x[known], y[known])
        assert np.allclose(fit(Logistic(), x, y, start=start).probs(x), cold.probs(x), atol=5e-3)


def test_a_class_without_items_and_a_single_class(data):
    x, _ = data
    for head in (Logistic(), SVM()):
        probs = fit(head, x[:6], np.full(6, 2)).probs(x)
        assert (probs.argmax(1) == 2).all()
    assert fit(Logistic(), x[:6], np.full(6, 2)).probs(x)[0].tolist() == [0, 0, 1, 0]
    two = fit(SVM(), x[:20], np.arange(20) % 2 * 3)
    margins = two.decision(x)
    assert np.allclose(margins[:, 0], -margins[:, 3])
    assert (margins[:, 1:3] == -1).all()


def linear_by_torch(x, y, *, epochs, batch, lr, momentum, decay, weights, start, orders):
    """The same training with torch's own layer, loss, optimiser and rates."""
    layer = torch.nn.Linear(D, C)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(start.weight))
        layer.bias.copy_(torch.tensor(start.bias))
    sgd = torch.optim.SGD(layer.parameters(), lr=lr, momentum=momentum, weight_decay=decay)
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(sgd, T_max=epochs)
    x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y)
    for order in orders:
        for begin in range(0, len(x), batch):
            items = order[begin : begin + batch]
            losses = torch.nn.functional.cross_entropy(layer(x[items]), y[items], reduction="none")
            loss = (losses * torch.tensor(weights[items], dtype=torch.float32)).mean()
            sgd.zero_grad()
            loss.backward()
            sgd.step()
        rates.step()
    return torch.softmax(layer(x), 1).detach().numpy()


@pytest.mark.parametrize("weighted", [False, True])
def test_linear_is_torchs_sgd_along_a_cosine(data, weighted):
    x, y = data
    rng = np.random.default_rng(1)
    start = Weights(rng.normal(size=(C, D)).astype(np.float32), rng.normal(size=C).astype(np.float32))
    settings = dict(epochs=7, batch=16, lr=0.3, momentum=0.9)
    head = Linear(**settings, weight_decay=0.01, class_weights=weighted)
    drawn = generator(5, "order")
    counts = np.bincount(y, minlength=C)
    expected = linear_by_torch(
        x,
        y,
        **settings,
        decay=0.01,
        weights=N / (C * counts[y]) if weighted else np.ones(N),
        start=start,
        orders=[drawn.permutation(N) for _ in range(7)],
    )
    assert np.allclose(fit(head, x, y, seed=5, start=start).probs(x), expected, atol=1e-4)


def test_linear_has_the_numbers_of_the_text_and_tells_every_epoch(data):
    x, y = data
    assert Linear() == Linear(lr=30, epochs=100, batch=256, momentum=0.9, weight_decay=0, class_weights=False)
    told = []
    last = fit(Linear(epochs=5), x, y, tell=lambda epoch, weights: told.append((epoch, weights.probs(x))))
    assert [epoch for epoch, _ in told] == list(range(5))
    assert np.array_equal(told[-1][1], last.probs(x))
    assert not np.allclose(told[0][1], told[1][1])
    with pytest.raises(InputError, match=r"head linear: its weights are no longer finite: lower lr \(30\)"):
        fit(Linear(weight_decay=1e6), x, y)


def svm_gradient(x, y, found, c, C_, weight_of_item):
    """The gradient of ½‖w‖² + ½b² + C Σ wᵢ max(0, 1 − yᵢ f(xᵢ))², which is 0 at its only minimum."""
    side = np.where(y == c, 1.0, -1.0)
    short = np.maximum(0, 1 - side * found.decision(x)[:, c]) * weight_of_item
    slope = found.weight[c] - 2 * C_ * (short * side) @ x
    return np.append(slope, found.bias[c] - 2 * C_ * (short * side).sum()), 2 * C_ * np.abs(short).sum()


@pytest.mark.parametrize("weighted", [False, True])
def test_every_machine_is_at_its_minimum(data, weighted):
    x, y = data
    found = fit(SVM(class_weights=weighted), x, y)
    of_item = N / (C * np.bincount(y)[y]) if weighted else np.ones(N)
    for c in range(C):
        slope, size = svm_gradient(x, y, found, c, 5.0, of_item)
        assert np.abs(slope).max() < 2e-3 * size


def test_the_temperature_is_the_best_of_many_on_items_not_seen(data):
    x, y = data
    found = fit(SVM(), x, y, seed=3)
    part = dealt(y, 3)
    margins = np.empty((N, C))
    for fold in range(heads.FOLDS):
        held = part == fold
        margins[held] = SVM()._machines(x[~held], y[~held], C, 3).decision(x[held])
    losses = {t: -np.log(softmax(margins / t)[np.arange(N), y]).mean() for t in np.geomspace(0.02, 50, 400)}
    best = min(losses, key=losses.get)
    assert found.temperature == pytest.approx(best, rel=0.03)
    assert np.allclose(found.probs(x), softmax(found.decision(x) / found.temperature))


def test_items_are_dealt_evenly_class_by_class(data):
    _, y = data
    part = dealt(y, 0)
    for c in range(C):
        counts = np.bincount(part[y == c], minlength=heads.FOLDS)
        assert counts.max() - counts.min() <= 1
    assert not np.array_equal(part, dealt(y, 1))


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("logistik", {}, "unknown head 'logistik': did you mean 'logistic'"),
        ("svm", {"Cc": 1}, "unknown parameter of head svm 'Cc': did you mean 'C'"),
        ("logistic", {"C": 0}, "head logistic: C: expected a number above 0, got 0"),
        ("logistic", {"C": True}, "head logistic: C: expected a number, got True"),
        ("linear", {"epochs": 2.5}, "head linear: epochs: expected a whole number, got 2.5"),
        ("linear", {"epochs": 0}, "head linear: epochs: expected a number from 1, got 0"),
        ("linear", {"momentum": 1}, "head linear: momentum: expected a number from 0 to below 1, got 1"),
        ("linear", {"lr": float("nan")}, "head linear: lr: expected a number, got nan"),
        ("svm", {"class_weights": 1}, "head svm: class_weights: expected true or false, got 1"),
    ],
)
def test_what_a_head_refuses(name, parameters, message):
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        head_of(name, parameters)
