"""Tasks say which item they are, and their scores put them in askew's order."""

from __future__ import annotations

import pytest

pytest.importorskip("sqlalchemy")

from askew.project.label_studio.tasks import Guess, chosen, item_hash, order_scores, prediction, task


def test_the_lowest_score_first_is_the_order_of_the_questions_then_the_doubtful_then_the_labeled() -> None:
    guesses = {1: Guess("heron", 0.99), 5: Guess("gull", 0.4), 6: Guess("gull", 1.0), 7: Guess("heron", 0.7)}
    scores = order_scores([1, 2, 3, 4, 5, 6, 7], asked=[3, 1, 2], labeled=[4], guesses=guesses)
    assert sorted(scores, key=lambda one: scores[one]) == [3, 1, 2, 5, 7, 6, 4]
    assert scores[3] == 0
    assert scores[2] < 0.5 < scores[5]
    assert scores[6] < scores[4] == 1


def test_an_item_that_was_labeled_since_is_not_asked_though_its_question_stands() -> None:
    assert order_scores([1], asked=[1], labeled=[1], guesses={}) == {1: 1.0}


def test_a_prediction_is_what_label_studio_s_format_says() -> None:
    assert prediction(chosen(Guess("heron", 0.75)), 0.125, "askew-3") == {
        "model_version": "askew-3",
        "score": 0.125,
        "result": [
            {
                "id": "askew",
                "from_name": "label",
                "to_name": "image",
                "type": "choices",
                "score": 0.75,
                "value": {"choices": ["heron"]},
            }
        ],
    }
    assert prediction(chosen(None), 0.5, "askew-0")["result"] == []


@pytest.mark.parametrize("data", [None, {}, {"askew_item": 3}, {"askew_item": ""}, "x", {"image": "http://x/y.jpg"}])
def test_a_task_of_others_is_no_item(data: object) -> None:
    assert item_hash(data) is None


def test_a_task_says_which_item_it_is() -> None:
    made = task("/data/upload/1/a.jpg", "ab" * 32, "a.jpg", prediction([], 0.0, "askew-0"))
    assert item_hash(made["data"]) == "ab" * 32
    assert made["data"]["image"] == "/data/upload/1/a.jpg"
