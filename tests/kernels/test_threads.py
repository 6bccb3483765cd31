"""BLAS is kept to one thread where its threads only wait, and gets them back."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import scipy.linalg.lapack  # noqa: F401  so that its library is counted too
from threadpoolctl import ThreadpoolController

from askew.kernels.threads import one_blas_thread
from askew.pick import climb
from askew.pick.balance import solve
from askew.query import query


def blas_threads():
    return {library.num_threads for library in ThreadpoolController().select(user_api="blas").lib_controllers}


def set_threads(number):
    """Sets it in a thread that ends, since threadpoolctl lets the thread that set a limit alone change it."""
    thread = threading.Thread(target=lambda: ThreadpoolController().limit(limits=number, user_api="blas"))
    thread.start()
    thread.join()


@pytest.fixture
def three_threads():
    before = max(blas_threads())
    set_threads(3)
    yield
    set_threads(before)


@pytest.mark.usefixtures("three_threads")
def test_one_thread_inside_and_as_many_as_before_outside():
    assert blas_threads() == {3}
    with one_blas_thread():
        assert blas_threads() == {1}
        with one_blas_thread():
            assert blas_threads() == {1}
        assert blas_threads() == {1}
    assert blas_threads() == {3}
    with pytest.raises(ZeroDivisionError), one_blas_thread():
        raise ZeroDivisionError
    assert blas_threads() == {3}


@pytest.mark.usefixtures("three_threads")
@pytest.mark.parametrize("first_leaves_first", [True, False])
def test_callers_in_several_threads_leave_it_as_it_was(first_leaves_first):
    inside, go_on = threading.Event(), threading.Event()

    def first():
        with one_blas_thread():
            inside.set()
            go_on.wait(30)

    thread = threading.Thread(target=first)
    thread.start()
    inside.wait(30)
    with one_blas_thread():
        assert blas_threads() == {1}
        if first_leaves_first:
            go_on.set()
            thread.join()
    go_on.set()
    thread.join()
    assert blas_threads() == {3}
    with one_blas_thread():
        assert blas_threads() == {1}


@pytest.mark.usefixtures("three_threads")
def test_class_balance_and_k_center_run_with_one_thread(monkeypatch):
    seen = []
    step = climb._newton_step
    monkeypatch.setattr(climb, "_newton_step", lambda *given: (seen.append(blas_threads()), step(*given))[1])
    rng = np.random.default_rng(0)
    probs, features = rng.dirichlet(np.ones(3), 60), rng.standard_normal((60, 4))
    solve(rng.random(60), probs, [5, 5, 5], 15, weight=1.0)
    assert seen
    assert all(n == {1} for n in seen)
    from askew.kernels.nearest import NearestCentre

    for name in ("_meet", "_measure_from"):
        method = getattr(NearestCentre, name)
        monkeypatch.setattr(
            NearestCentre, name, lambda *given, method=method: (seen.append(blas_threads()), method(*given))[1]
        )
    seen.clear()
    query("kcenter", 9, features=features, labels=np.where(np.arange(60) < 5, 0, -1))
    assert len(seen) == 2  # the first pass, and the likely next picks together
    assert all(n == {1} for n in seen)
