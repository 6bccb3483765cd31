"""What is wrong in a file of boxes ends in one line that names the file, whatever it is; what is right is read."""

from __future__ import annotations

import codecs
import json
import time
import warnings

import numpy as np
import pytest

from askew.data.annotations import read_boxes, read_coco, read_mot, read_synthia_al, read_voc, read_yolo
from askew.data.film import Video
from askew.data.film.reader import natural
from askew.errors import InputError
from askew.video import Detections, StaticTracker, estimate_errors


def video(tmp_path, n_frames=3):
    return Video(tmp_path / "clip.avi", n_frames, 100, 80, 10.0, (), n_frames)


def one_line(error):
    return "\n" not in str(error.value) and len(str(error.value)) < 600


COCO = {
    "images": [{"id": 1, "frame_id": 0}],
    "categories": [{"id": 1, "name": "car"}, {"id": 2, "name": "bus"}],
    "annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 1, 2, 2], "score": 0.5}],
}


def annotation(**change):
    return {"annotations": [COCO["annotations"][0] | change]}


def image(**change):
    return {"images": [COCO["images"][0] | change]}


HUGE = 10**400


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (annotation(bbox=[1, 1, 2]), r"annotation 0: expected 4 finite numbers as bbox, got \[1, 1, 2\]"),
        (annotation(bbox=[1, 1, 2, 2, 2]), "4 finite numbers as bbox"),
        (annotation(bbox=[1, 1, "2", 2]), "4 finite numbers as bbox"),
        (annotation(bbox=[1, 1, True, 2]), "4 finite numbers as bbox"),
        (annotation(bbox=[1, 1, [2], 2]), "4 finite numbers as bbox"),
        (annotation(bbox="abcd"), "4 finite numbers as bbox"),
        (annotation(bbox=None), "4 finite numbers as bbox, got None"),
        (annotation(bbox=[1, 1, HUGE, 2]), "4 finite numbers as bbox"),
        (annotation(bbox=[1, 1, float("inf"), 2]), "4 finite numbers as bbox"),
        (annotation(bbox=[0, 0, 1e20, 1e30]), "beyond 1,000,000,000 pixels"),
        (annotation(score="high"), "annotation 0: expected a finite number as score, got 'high'"),
        (annotation(score=None), "finite number as score"),
        (annotation(score=HUGE), "finite number as score"),
        (annotation(score=1e300), "scores: not finite"),
        (annotation(image_id=[1]), "as image_id"),
        (annotation(image_id=None), "as image_id"),
        (annotation(category_id={}), "as category_id"),
        (annotation(category_id=True), "as category_id"),
        ({"annotations": {"0": 1}}, "expected a list as annotations"),
        ({"annotations": [1]}, "annotation 0: expected a mapping, got 1"),
        ({"annotations": None}, "expected a list as annotations, got None"),
        (image(frame_id="abc"), "image 0: expected a whole number as frame_id, got 'abc'"),
        (image(frame_id=float("inf")), "whole number as frame_id"),
        (image(frame_id=float("nan")), "whole number as frame_id"),
        (image(frame_id=0.5), "whole number as frame_id, got 0.5"),
        (image(frame_id=True), "whole number as frame_id"),
        (image(frame_id=HUGE), "whole number as frame_id"),
        (image(frame_id=10**12), "speaks of frame 1000000000000"),
        (image(id=[]), r"as id, got \[\]"),
        (image(file_name=7), "image 0: expected a short text of one line as file_name, got 7"),
        (image(file_name="9" * 5000), "short text of one line as file_name"),
        (image(video_id=[1]), "as video_id"),
        ({"images": {"id": 1}}, "expected a list as images"),
        ({"images": [3]}, "image 0: expected a mapping, got 3"),
        ({"images": [{"id": 1, "frame_id": 0}, {"id": 2}]}, "image 2 has no frame_id or frame_index, but others"),
        ({"images": [{"id": 1, "frame_id": 0}, {"id": 1, "frame_id": 1}]}, "two images have the same id, 1"),
        ({"images": [], "categories": [], "annotations": []}, "speaks of 0 videos"),
        ({"categories": {"id": 1}}, "expected a list as categories"),
        ({"categories": [{"id": 1}]}, "category 0: expected a short text of one line as name, which is missing"),
        ({"categories": [{"id": 1, "name": {}}]}, "short text of one line as name"),
        ({"categories": [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]}, "two categories have the same id, 1"),
        ({"videos": [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]}, "two videos have the same id"),
        ({"videos": [{"id": 1, "name": "a"}, {"id": 2, "name": "a"}]}, "two videos have the same name, 'a'"),
        ({"categories": [{"id": 1, "name": "a\nb"}]}, r"short text of one line as name, got 'a\\nb'"),
        ({"videos": [{"id": 1}]}, "video 0: expected a short text of one line as name"),
        ({"videos": "ab"}, "expected a list as videos"),
        (annotation(probs="x"), "finite numbers as probs"),
        (annotation(probs=[0.5, "x"]), "finite numbers as probs"),
        (
            annotation(probs=[0.5, 0.25]),
            r"expected 2 probabilities \(or 3, with the background\) that sum to 1 as probs",
        ),
        (annotation(probs=[1.5, -0.5]), "expected 2 probabilities"),
        (annotation(probs=[1.0]), "expected 2 probabilities"),
    ],
)
def test_coco_that_is_none(tmp_path, change, message):
    file = tmp_path / "d.json"
    file.write_text(json.dumps(COCO | change))
    with pytest.raises(InputError, match=message) as caught:
        read_boxes(file, video(tmp_path))
    assert one_line(caught)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[" * 100_000, "nested too deep"),
        ('{"a":' * 100_000, "nested too deep"),
        ('{"images": [' + "1" * 5000 + "]}", "not JSON that can be read"),
        ("7", "not COCO: expected a mapping, got 7"),
        ('"images categories"', "not COCO: expected a mapping"),
        ("{}", "not COCO: images, categories missing"),
        ("", "not JSON"),
        ("\ud800", "not text in UTF-8"),
    ],
)
def test_json_that_is_no_coco(tmp_path, content, message):
    file = tmp_path / "d.json"
    file.write_bytes(content.encode("utf-8", errors="surrogatepass"))
    with pytest.raises(InputError, match=message) as caught:
        read_coco(file)
    assert one_line(caught)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path):
    mot, coco = tmp_path / "d.txt", tmp_path / "d.json"
    mot.write_bytes(codecs.BOM_UTF8 + b"1,-1,1,2,3,4,0.5\r\n")
    coco.write_bytes(codecs.BOM_UTF8 + json.dumps(COCO).encode())
    assert read_mot(mot).frames[0].boxes.tolist() == [[1, 2, 4, 6]]
    assert read_coco(coco)[""].frames[0].boxes.tolist() == [[1, 1, 3, 3]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,-1,1,2,3,4,0.5\n\n\n1,-1,1,nan,3,4,0.5\n", "line 4 is not finite"),
        ("\n\n1,-1,1,2,3,4,0.5\n1,-1,1,2,-3,4,0.5", "line 4 has a negative width"),
        ("\n1,-1,1,2,3,4,0.5\n\n1,-1,1,2,3,4\n", "line 4: expected lines of frame, id"),
        ("\n1,-1,1,2,3,4,0.5\n\n1,-1,1,2,3,4,x\n", "line 4: expected lines of frame, id.* got '1,-1,1,2,3,4,x'"),
        ("# detections\n1,-1,1,2,3,4,0.5\n", "line 1: expected lines of frame, id"),
        ("1,-1,1,2,3,4,0.5\n#1,-1,1,2,3,4,0.5\n", "line 2: expected lines of frame, id"),
        ("1,-1,1,2,3,4,0.5 # sure\n", "line 1: expected lines of frame, id"),
        ("1,1,0,0,5,5,1,1.7,1.0\n", "line 1: a class that is not whole: 1.7"),
        ("1,1,0,0,5,5,1,nan,1.0\n", "line 1: a class that is not whole: nan"),
        ("1,1,0,0,5,5,1,inf,1.0\n", "line 1: a class that is not whole: inf"),
        ("1,1,0,0,5,5,1,1e300,1.0\n", "line 1: a class that is not whole"),
        ("1,1,0,0,5,5,1,100000000,1.0\n", "class 100000000: expected at most 32768 classes"),
        ("\n1.5,-1,1,2,3,4,0.5\n", "line 2: a frame that is not whole: 1.5"),
        ("1e300,-1,1,2,3,4,0.5\n", "line 1: a frame that is not whole"),
        ("1e12,-1,1,2,3,4,0.5\n", "expected at most 10000000 frames"),
        ("1,-1,1,2,1e20,1e30,0.5\n", "beyond 1,000,000,000 pixels"),
        ("1,-1,1,2,3,4,1e300\n", "scores: not finite"),
        ("1,-1,1,2,3,4,0.5\x00\n", "line 1"),
    ],
)
def test_mot_that_is_none(tmp_path, text, message):
    file = tmp_path / "d.txt"
    file.write_text(text)
    start = time.monotonic()
    with pytest.raises(InputError, match=message) as caught:
        read_mot(file)
    assert one_line(caught)
    assert time.monotonic() - start < 5


def test_an_empty_file_without_a_video_has_no_frames(tmp_path):
    (tmp_path / "f_1.txt").write_text("")
    assert len(read_mot(tmp_path / "f_1.txt")) == 0
    assert len(read_yolo(tmp_path, size=(100, 80))) == 1


def test_mot_in_another_encoding(tmp_path):
    file = tmp_path / "d.txt"
    file.write_bytes(codecs.BOM_UTF16_LE + "1,-1,1,2,3,4,0.5\n".encode("utf-16-le"))
    with pytest.raises(InputError, match="not text in UTF-8"):
        read_mot(file)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("inf 0.5 0.5 0.1 0.1", "line 2: a class that is not whole: inf"),
        ("nan 0.5 0.5 0.1 0.1", "line 2: expected a class from 0"),
        ("1e300 0.5 0.5 0.1 0.1", "line 2: a class that is not whole"),
        ("1000000000 0.5 0.5 0.1 0.1", "class 1000000000: expected at most 32768 classes"),
        ("1.7 0.5 0.5 0.1 0.1", "line 2: a class that is not whole: 1.7"),
        ("0 0.5 nan 0.1 0.1", "line 2: expected a class from 0"),
        ("0 0.5 0.5 -0.005 0.1", "line 2: expected a class from 0"),
        ("0 0.5 0.5 0.1", "line 2: expected a class from 0"),
        ("car 0.5 0.5 0.1 0.1", "line 2: expected a class from 0.* got 'car 0.5 0.5 0.1 0.1'"),
        ("x" * 5000, "line 2: expected a class from 0"),
    ],
)
def test_yolo_that_is_none(tmp_path, line, message):
    (tmp_path / "f_1.txt").write_text(f"\n{line}\n")
    with pytest.raises(InputError, match=message) as caught:
        read_yolo(tmp_path, size=(100, 80))
    assert one_line(caught)


def test_yolo_names_and_frames_that_cannot_be(tmp_path):
    (tmp_path / "f_1.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    (tmp_path / "classes.txt").write_bytes(b"caf\xe9\n")
    with pytest.raises(InputError, match=r"classes\.txt: not text in UTF-8"):
        read_yolo(tmp_path, size=(100, 80))
    (tmp_path / "classes.txt").unlink()
    (tmp_path / "f_999999999999.txt").write_text("")
    with pytest.raises(InputError, match="frame 999999999999"):
        read_yolo(tmp_path, size=(100, 80))


def xml(body, head=""):
    return f"{head}<annotation>{body}</annotation>"


def voc_object(sides=("1", "2", "3", "4"), name="<name>car</name>"):
    a, b, c, d = sides
    box = f"<bndbox><xmin>{a}</xmin><ymin>{b}</ymin><xmax>{c}</xmax><ymax>{d}</ymax></bndbox>"
    return f"<object>{name}{box}</object>"


LAUGHS = '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "' + "&a;" * 1000 + '"><!ENTITY c "' + "&b;" * 1000 + '">]>'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'<?xml version="1.0" encoding="utf-99"?><a/>', "not XML that can be read: unknown encoding"),
        (b'<?xml version="1.0" encoding="' + b"u" * 5000 + b'"?><a/>', "not XML that can be read: unknown encoding"),
        (b'<?xml version="1.0" encoding="utf-7"?><a/>', "not XML that can be read"),
        (b"", "not XML that can be read: no element found"),
        (b"\xff\xff", "not XML that can be read"),
        (xml(voc_object(name="<name>&c;</name>"), LAUGHS).encode(), "a document type is declared"),
        (xml("", LAUGHS).encode("utf-16"), "a document type is declared"),
        (xml(voc_object(("1", "2", "nan", "4"))).encode(), "bndbox of 'car': expected four finite numbers"),
        (xml(voc_object(("1", "2", "wide", "4"))).encode(), "bndbox of 'car': expected four finite numbers"),
        (xml(voc_object(("3", "2", "1", "4"))).encode(), "expected xmin <= xmax"),
        (xml(voc_object(("0", "0", "1e20", "1e30"))).encode(), "beyond 1,000,000,000 pixels"),
        (xml(voc_object(name="<name/>")).encode(), "an object without name"),
        (xml(voc_object(name="<name>a\nb</name>")).encode(), "one line as the name of an object"),
        (xml("<object><name>car</name></object>").encode(), "an object without name or bndbox"),
        (b"<a>" + b" " * 10_000_001 + b"</a>", "10000008 bytes; expected the objects of one frame"),
    ],
)
def test_voc_that_is_none(tmp_path, content, message):
    (tmp_path / "000000.xml").write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_voc(tmp_path)
    assert one_line(caught)


def test_a_line_of_synthia_al_that_is_none(tmp_path):
    labels = tmp_path / "train" / "a" / "b" / "labels_kitti"
    labels.mkdir(parents=True)
    for line in ("Car 0 0 0 1 2 x 4", "Car 0 0 0 1 2 nan 4", "Car 0 0 0 1 2"):
        (labels / "000000.txt").write_text(f"\n{line}\n")
        with pytest.raises(InputError, match="line 2: sides in KITTI's columns: expected four finite numbers"):
            read_synthia_al(tmp_path)


def test_folders_called_as_files_are_passed_over(tmp_path):
    (tmp_path / "x_7.txt").mkdir()
    (tmp_path / "f_1.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    assert len(read_yolo(tmp_path, size=(100, 80))) == 1


def test_boxes_beyond_any_image_warn_of_nothing():
    """Boxes within the bound go through linking without a warning; beyond it they are refused, not computed with."""
    wide = [Detections([[0, 0, 1e9, 1e9], [-1e9, -1e9, 1e9, 1e9]], [0.5, 0.5], [0, 0])] * 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(estimate_errors(wide, StaticTracker())) == 3
        for side in (1e10, 1e20, 1e39, 1e300, np.inf):
            with pytest.raises(InputError, match="boxes has coordinates"):
                Detections([[0, 0, side, 1]], [0.5], [0])
        with pytest.raises(InputError, match="scores: not finite"):
            Detections([[0, 0, 1, 1]], [1e300], [0])


class Runaway:
    def track(self, boxes, source, target):  # noqa: ARG002  (the protocol's signature)
        return boxes + np.float32(1e30)


def test_a_tracker_that_loses_its_mind_is_refused():
    with pytest.raises(InputError, match=r"beyond 1e\+09 pixels, from frame 0 to 1"):
        estimate_errors([Detections([[0, 0, 1, 1]], [0.5], [0])] * 2, Runaway())


def test_digits_that_are_no_numbers_sort_as_text():
    assert sorted(["f1²2", "f1²10", "²"], key=natural) == ["f1²2", "f1²10", "²"]
