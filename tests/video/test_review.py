"""The pipeline of `askew video` as a notebook calls it, against its parts called one by one."""

from __future__ import annotations

import csv
import inspect
import json
import re
from pathlib import Path

import numpy as np
import pytest

from askew.data.annotations import to_coco
from askew.data.film import flow_tracker, open_video
from askew.errors import InputError
from askew.export.names import file_stem
from askew.export.picked import write_picked
from askew.files import output_folder
from askew.pick.frames import frame_table, pick_frames
from askew.plan import Balance, Spacing
from askew.review import Coherence, read_detections, read_footage, review, select_frames, without_errors
from askew.video import Detections, StaticTracker, error_scores, estimate_errors, least_confidence, no_errors

cv2 = pytest.importorskip("cv2")


def still(video):
    return StaticTracker()


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Two clips of 30 frames of noise; boxes come and go, of two classes, in a COCO file with class distributions."""
    root = tmp_path_factory.mktemp("clips")
    rng = np.random.default_rng(0)
    images, annotations = [], []
    for key, name in enumerate(("a", "b"), start=1):
        (root / "clips" / name).mkdir(parents=True)
        for place in range(30):
            picture = rng.integers(0, 255, (96, 128, 3), dtype=np.uint8)
            cv2.imwrite(str(root / "clips" / name / f"{place:03d}.png"), picture)
            images.append({"id": len(images) + 1, "file_name": f"{place:03d}.png", "video_id": key, "frame_id": place})
            for left in (10, 60):
                if rng.random() < 0.8:
                    sure = float(rng.uniform(0.5, 0.95))
                    box = {"bbox": [left, 20, 30, 40], "score": sure, "probs": [sure, 1 - sure], "category_id": 1}
                    annotations.append({"id": len(annotations) + 1, "image_id": len(images), **box})
    videos = [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]
    categories = [{"id": 1, "name": "car"}, {"id": 2, "name": "bus"}]
    content = {"videos": videos, "images": images, "annotations": annotations, "categories": categories}
    (root / "d.json").write_text(json.dumps(content), encoding="utf-8")
    return root


def test_reviews_and_picks_are_those_of_the_parts(clips):
    footage = read_footage(clips / "clips", clips / "d.json")
    assert footage.classes == ("car", "bus")
    reviews = review(footage, still, coherence=Coherence(reach=2, pairwise=2.0))
    alone = [estimate_errors(footage.boxes[n].frames, StaticTracker(), reach=2, pairwise=2.0) for n in ("a", "b")]
    for one, want in zip(reviews, alone, strict=True):
        assert one.errors is not None
        assert one.errors.false_positives.tolist() == want.false_positives.tolist()
    for by in ("fp", "fn", "fp+fn", "least-confidence"):
        if by == "least-confidence":
            scores = np.concatenate([least_confidence(footage.boxes[name].frames) for name in ("a", "b")])
        else:
            scores = np.concatenate([error_scores(errors, by) for errors in alone])
        table = frame_table([0] * 30 + [1] * 30, labeled=np.arange(60) == 4, around_labeled=1)
        want = pick_frames(scores, table, 6, around_picked=2, order="global", seed=3)
        got = select_frames(reviews, 6, by=by, labeled=np.arange(60) == 4, spacing=Spacing(1, 2, "global"), seed=3)
        assert got.selection.chosen.tolist() == want.tolist()
        assert [(one.name, frame) for one, frame in got.rows] == [("ab"[i // 30], i % 30) for i in want.tolist()]
        assert got.scores.tolist() == scores[want].tolist()


def test_every_setting_of_the_comparison_arrives(clips, monkeypatch):
    heard = []

    def listen(frames, tracker, **settings):
        heard.append(settings)
        return no_errors(frames)

    monkeypatch.setattr("askew.review.estimate_errors", listen)
    settings = {"reach": 2, "link_iou": 0.3, "candidate_iou": 0.6, "pairwise": 2.5, "confidence": 7.0, "fill": 5}
    review(read_footage(clips / "clips", clips / "d.json"), still, coherence=Coherence(**settings))
    review(read_footage(clips / "clips", clips / "d.json"), still)
    given = {name: value.default for name, value in inspect.signature(estimate_errors).parameters.items()}
    text = {name: given[name] for name in settings} | {"doubt": None}
    assert heard == [settings | {"doubt": None}] * 2 + [text] * 2


def test_a_list_of_results_needs_the_images_of_its_data_set(clips, tmp_path):
    content = json.loads((clips / "d.json").read_text(encoding="utf-8"))
    (tmp_path / "results.json").write_text(json.dumps(content.pop("annotations")), encoding="utf-8")
    (tmp_path / "images.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InputError, match="images"):
        read_footage(clips / "clips", tmp_path / "results.json")
    whole = read_footage(clips / "clips", clips / "d.json")
    parted = read_footage(clips / "clips", tmp_path / "results.json", images=tmp_path / "images.json")
    for name in ("a", "b"):
        for one, other in zip(whole.boxes[name].frames, parted.boxes[name].frames, strict=True):
            assert one.boxes.tolist() == other.boxes.tolist()


@pytest.mark.parametrize("by", ["entropy", "margin", "random"])
def test_other_scores_need_no_errors(clips, by):
    reviews = without_errors(read_footage(clips / "clips", clips / "d.json"))
    picked = select_frames(reviews, 4, by=by, balance=Balance(0.5))
    assert len({(one.name, frame) for one, frame in picked.rows}) == 4
    assert picked.selection.gap is not None
    with pytest.raises(InputError, match="the errors of video 'a' were not estimated"):
        select_frames(reviews, 4, by="fn")
    with pytest.raises(InputError, match="unknown score 'fnn': did you mean 'fn'"):
        select_frames(reviews, 4, by="fnn")


def test_of_equally_many_errors_the_least_sure_comes_first_if_asked(clips):
    reviews = review(read_footage(clips / "clips", clips / "d.json"), still)
    free = Spacing(0, 0, "global")
    picked = select_frames(reviews, 20, by="fp+fn", break_ties="confidence", spacing=free)

    def order(one, frame):
        found = one.boxes.frames[frame]
        trust = found.probs.max(axis=1) if found.probs is not None else found.scores
        errors = int(one.errors.false_positives[frame] + one.errors.false_negatives[frame])
        return (-errors, round(float(trust.mean()), 5) if len(found) else 1.0)

    every = sorted(order(one, frame) for one in reviews for frame in range(len(one.boxes)))
    assert [order(one, frame) for one, frame in picked.rows] == every[:20]
    plain = select_frames(reviews, 20, by="fp+fn", spacing=free, seed=1)
    assert [order(*row)[0] for row in plain.rows] == [errors for errors, _ in every[:20]]
    assert [order(*row) for row in plain.rows] != every[:20]
    with pytest.raises(
        InputError, match="break_ties: estimated errors alone have ties that confidence may settle, not"
    ):
        select_frames(reviews, 4, by="random", break_ties="confidence")
    with pytest.raises(InputError, match="unknown way to break ties 'chance'"):
        select_frames(reviews, 4, break_ties="chance")


def test_a_notebook_writes_what_it_picked(clips, tmp_path):
    footage = read_footage(clips / "clips", clips / "d.json")
    reviews = review(footage, lambda video: flow_tracker(video, cache=tmp_path / "flow"))
    picked = select_frames(reviews, 5, labeled=footage.labeled)
    with output_folder(tmp_path / "out", reads=[clips]) as folder:
        write_picked(folder, picked.rows, picked.scores, kind="cvat")
    with (tmp_path / "out" / "picked.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["video"], int(row["frame"])) for row in rows] == [(one.name, frame) for one, frame in picked.rows]
    again = read_footage(clips / "clips", clips / "d.json", labeled=[tmp_path / "out" / "picked.csv"])
    assert np.flatnonzero(again.labeled).tolist() == sorted(picked.selection.chosen.tolist())


def test_scores_below_the_least_are_left_out_and_an_empty_rest_is_told(clips):
    videos = {name: open_video(clips / "clips" / name) for name in ("a", "b")}
    kept = read_detections(clips / "d.json", videos, min_score=0.7)
    scores = np.concatenate([frame.scores for one in kept.values() for frame in one.frames])
    everything = read_detections(clips / "d.json", videos)
    before = np.concatenate([frame.scores for one in everything.values() for frame in one.frames])
    assert sorted(scores.tolist()) == sorted(before[before >= 0.7].tolist())
    with pytest.raises(InputError, match=r"min_score: 0\.99 leaves none of the \d+ detections; their scores go from"):
        read_detections(clips / "d.json", videos, min_score=0.99)


def write_film(path, n_frames):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (48, 32))
    for number in range(n_frames):
        writer.write(np.full((32, 48, 3), number % 200, np.uint8))
    writer.release()


def test_the_code_of_the_page_runs(tmp_path, monkeypatch):
    """What stands under "From Python" in docs/video.md, from top to bottom, on films of some hundred frames."""
    text = (Path(__file__).parents[2] / "docs" / "video.md").read_text(encoding="utf-8")
    part = text.split("## From Python")[1].split("\n## ")[0]
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", part, flags=re.DOTALL | re.MULTILINE))
    (tmp_path / "clips").mkdir()
    videos = {name: [Detections([[4, 4, 20, 20]], [0.8], [0])] * 400 for name in ("a", "b")}
    for name in videos:
        write_film(tmp_path / "clips" / f"{name}.avi", 400)
    write_film(tmp_path / "clip.mp4", 795)
    (tmp_path / "found.json").write_text(json.dumps(to_coco(videos, ["car"], size=(48, 32))), encoding="utf-8")
    (tmp_path / "found.txt").write_text("3,-1,4,4,16,16,0.8,-1,-1,-1\n", encoding="utf-8")
    (tmp_path / "to-annotate").mkdir()
    (tmp_path / "to-annotate" / "picked.csv").write_text("video,frame\nclip,3\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(code, "docs/video.md", "exec"), names)
    assert len(list((tmp_path / "next" / "frames").iterdir())) == 10
    assert len(names["found"]) == 795


def test_file_names_of_videos_never_meet():
    """All names of up to five letters from an alphabet of what is escaped: no two give one file name."""
    names = {""}
    for _ in range(5):
        names |= {name + letter for name in names for letter in "a_/%"}
    assert len({file_stem(name) for name in names}) == len(names)
