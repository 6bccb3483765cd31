"""Active learning with scikit-learn in twenty lines: `askew.query` asks, your own loop does the rest.

python examples/logistic_regression.py
"""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

import askew


def learn(strategy: str, *, seed: int, balance: float | None = None) -> float:
    """Returns the test accuracy after 140 labels, 20 of them drawn at random and the rest asked by the strategy."""
    images, truth = load_digits(return_X_y=True)
    pool, test, pool_truth, test_truth = train_test_split(images / 16, truth, test_size=0.3, random_state=seed)
    labels = np.full(len(pool), -1)
    first = np.random.default_rng(seed).choice(len(pool), 20, replace=False)
    labels[first] = pool_truth[first]
    while True:
        known = labels >= 0
        model = LogisticRegression(max_iter=1000).fit(pool[known], labels[known])
        if known.sum() == 140:
            return float(model.score(test, test_truth))
        probs = np.zeros((len(pool), 10))
        probs[:, model.classes_] = model.predict_proba(pool)
        asked = askew.query(strategy, 20, labels=labels, probs=probs, features=pool, balance=balance, seed=seed)
        labels[asked] = pool_truth[asked]  # here a person would answer


if __name__ == "__main__":
    for name in ("random", "entropy", "margin", "kcenter"):
        found = [learn(name, seed=seed) for seed in range(5)]
        print(f"{name:<8} {100 * np.mean(found):.1f} ± {100 * np.std(found, ddof=1):.1f} %")
