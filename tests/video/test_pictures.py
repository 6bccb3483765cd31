"""Pictures of estimated errors: looks, tags and their numbers, and the strip that shows when errors happen."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

from askew.boxes import Detections
from askew.cli.main import main
from askew.export.tags import place_tags
from askew.video.frame_errors import FrameErrors

cv2 = pytest.importorskip("cv2")
pytest.importorskip("PIL")

from PIL import ImageDraw  # noqa: E402

from askew.export.frame_pictures import KEPT, MISSED, SUSPECTED, draw_frame  # noqa: E402
from askew.export.timeline import draw_timeline  # noqa: E402

LOOKS = (KEPT, SUSPECTED, MISSED)


@pytest.fixture
def written(monkeypatch):
    """All that is written into pictures: the text, where it covers (left, top, right, bottom), and its colour."""
    texts = []
    draw_text = ImageDraw.ImageDraw.text

    def text(self, xy, text, *args, **kwargs):
        named = {name: kwargs[name] for name in ("font", "anchor")}
        texts.append((text, self.textbbox(xy, text, **named), kwargs["fill"], self.im.size))
        return draw_text(self, xy, text, *args, **kwargs)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", text)
    return texts


def crowd(rng, count, width, height, side):
    middle = rng.normal([width / 2, height / 2], [width / 5, height / 5], (count, 2))
    half = rng.uniform(0.3, 0.7, (count, 2)) * side
    boxes = np.concatenate([middle - half, middle + half], axis=1).clip(0, [width, height] * 2)
    return Detections(boxes, rng.uniform(0.1, 1, count), rng.integers(0, 2, count))


def overlap(one, other):
    """The area that two boxes share, computed side by side."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return max(wide, 0) * max(high, 0)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("size", [(1000, 600), (300, 900), (120, 30)])
def test_tags_stay_inside_and_cover_no_other(seed, size):
    rng = np.random.default_rng(seed)
    boxes = crowd(rng, 60, *size, side=80).boxes.astype(float)
    sizes = np.stack([rng.integers(20, 90, 60), np.full(60, 20)], axis=1).astype(float)
    far = rng.random(60) < 0.5
    places = place_tags(boxes, sizes, far, *size)
    tags = [(*place, *(place + side)) for place, side in zip(places, sizes, strict=True) if not np.isnan(place[0])]
    assert tags
    for tag in tags:
        assert min(tag) >= 0
        assert (tag[2] <= size[0]) & (tag[3] <= size[1])
    for one, other in itertools.combinations(tags, 2):
        assert overlap(one, other) == 0
    if size == (1000, 600):
        assert not np.isnan(places[far]).any(), "there is room for those that may stand far off"


def test_a_tag_stands_where_it_covers_least_and_else_far_off():
    """Worked out by hand: boxes that fill a picture of 60 x 20 leave one free place for a tag of 20 x 10."""
    boxes = np.array([[0, 0, 30, 20], [30, 0, 60, 10]])
    sizes = np.array([[20, 10], [20, 10]])
    assert place_tags(boxes, sizes, np.zeros(2, bool), 60, 20).tolist() == [[30, 10], [30, 0]]
    full = np.array([[0, 0, 10, 10]] * 3)
    tags = np.array([[10, 10]] * 3)
    assert np.isnan(place_tags(full, tags, np.zeros(3, bool), 20, 10)).tolist() == [[False] * 2] * 2 + [[True] * 2]
    row = place_tags(full, tags, np.ones(3, bool), 40, 10)
    assert row.tolist() == [[10, 0], [0, 0], [20, 0]]


def test_looks_are_told_apart_without_colour_and_letters_on_them_can_be_read():
    assert len({(look.width, look.dashed) for look in LOOKS}) == len({look.symbol for look in LOOKS}) == 3

    def light(colour):
        linear = [(v / 255 / 12.92 if v <= 10 else ((v / 255 + 0.055) / 1.055) ** 2.4) for v in colour]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for look in LOOKS:
        assert 1.05 / (light(look.colour) + 0.05) > 4.5, look.name
    red, green, blue = SUSPECTED.colour, KEPT.colour, MISSED.colour
    assert (np.argmax(red), np.argmax(green), np.argmax(blue)) == (0, 1, 2)


def test_red_is_wrong_green_is_fine_and_what_was_missed_is_dashed():
    image = np.full((500, 1000, 3), 128, np.uint8)
    found = Detections([[100, 200, 200, 400], [400, 200, 500, 400]], [0.9, 0.8], [0, 0])
    missed = Detections([[700, 200, 800, 400]], [0.7], [0])
    picture = draw_frame(image, found, np.array([False, True]), missed, classes=["person"])
    body = np.asarray(picture)[picture.height - 500 :].astype(int)

    def near(look):
        return np.abs(body - look.colour).max(axis=2) < 8

    middle = slice(230, 370)
    kept, wrong, lost = (near(look)[middle] for look in LOOKS)
    assert np.flatnonzero(kept.all(axis=0)).tolist() == [98, 99, 201, 202]
    assert np.flatnonzero(wrong.all(axis=0)).tolist() == [*range(396, 400), *range(501, 505)]
    share = lost.mean(axis=0)
    assert np.flatnonzero(share).tolist() == [*range(696, 700), *range(801, 805)]
    assert ((share[share > 0] > 0.4) & (share[share > 0] < 0.6)).all()
    white = (body[middle] == 255).all(axis=2).mean(axis=0)
    assert np.allclose(white[696:700] + share[696:700], 1)


@pytest.mark.parametrize(
    ("size", "counts", "side"),
    [
        ((768, 576), (12, 3), 60),
        ((1280, 720), (90, 12), 90),
        ((1080, 1920), (20, 4), 200),
        ((3840, 2160), (30, 3), 300),
    ],
)
def test_tags_say_the_number_of_their_box_and_stand_beside_it(written, size, counts, side):
    rng = np.random.default_rng(0)
    found, missed = (crowd(rng, count, *size, side=side) for count in counts)
    wrong = rng.random(len(found)) < 0.2
    image = np.zeros((size[1], size[0], 3), np.uint8)
    picture = draw_frame(image, found, wrong, missed, classes=["person", "traffic light"], title="a frame " * 40)
    assert max(picture.size) <= 2200
    scale = picture.width / size[0]
    boxes = np.concatenate([found.boxes, missed.boxes]) * scale
    looks = [SUSPECTED if one else KEPT for one in wrong] + [MISSED] * len(missed)
    tags = [one for one in written if one[2] == (255, 255, 255) and one[0] != "?"]
    numbers = [int(text.split()[0]) for text, *_ in tags]
    assert len(set(numbers)) == len(numbers)
    assert {number for number, look in enumerate(looks) if look is not KEPT} <= set(numbers)
    near = 0
    for (_, (left, top, right, bottom), _, inside), number in zip(tags, numbers, strict=True):
        assert left >= 0 <= top
        assert (right <= inside[0]) & (bottom <= inside[1])
        box = boxes[number]
        gap = max(left - box[2], box[0] - right, top - box[3], box[1] - bottom)
        near += gap < picture.width / 25
    assert near > 0.8 * len(numbers)
    for (_, one, _, _), (_, other, _, _) in itertools.combinations(tags, 2):
        assert overlap(one, other) == 0
    said = [text for text, *_ in written if text.startswith("no room")]
    assert bool(said) == (len(numbers) < len(looks))
    legend = [text for text, _, colour, _ in written if colour in [look.colour for look in LOOKS] and text != "?"]
    assert legend == [f"{looks.count(look)} {look.name}" for look in LOOKS]


@pytest.mark.parametrize("size", [(1, 1), (8, 200), (400, 9), (4000, 2)])
def test_frames_of_any_shape_are_drawn(size):
    found = Detections([[0, 0, 1, 1]], [0.5], [0])
    picture = draw_frame(
        np.zeros((size[1], size[0], 3), np.uint8), found, np.array([True]), found, classes=["a" * 300], title="b" * 300
    )
    assert picture.width >= 1000


def test_the_numbers_in_the_picture_are_those_of_the_file(tmp_path, monkeypatch, written):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clip").mkdir()
    for number in range(24):
        cv2.imwrite(str(tmp_path / "clip" / f"{number:04d}.png"), np.full((120, 160, 3), 90, np.uint8))
    lines = [f"{frame},-1,40,30,40,30,0.9,-1,-1,-1" for frame in range(1, 25) if frame != 13]
    lines += ["13,-1,100,20,20,20,0.31,-1,-1,-1", "13,-1,10,80,20,20,0.62,-1,-1,-1"]
    lines += [f"{frame},-1,70,80,20,30,0.8,-1,-1,-1" for frame in range(1, 25)]
    (tmp_path / "d.txt").write_text("\n".join(lines) + "\n")
    assert main("video errors clip --detections d.txt --tracker static --out out --pictures 1".split()) == 0
    [frame] = json.loads((tmp_path / "out" / "boxes.json").read_text())["videos"][0]["frames"]
    in_file = {
        kind: [(box["id"], box["box"], box["score"]) for box in frame[kind]] for kind in frame if kind != "frame"
    }
    assert in_file == {
        "suspected": [(0, [100, 20, 120, 40], 0.31), (1, [10, 80, 30, 100], 0.62)],
        "missed": [(3, [40, 30, 80, 60], 0.9)],
        "kept": [(2, [70, 80, 90, 110], 0.8)],
    }
    tags = sorted(text for text, _, colour, _ in written if colour == (255, 255, 255) and text != "?")
    assert tags == ["0  object 0.31", "1  object 0.62", "2", "3  object 0.90"]


def made_up(n_frames, seed=0):
    rng = np.random.default_rng(seed)
    counts = rng.poisson(0.3, (2, n_frames))
    return FrameErrors(counts[0], counts[1], (np.zeros(0, bool),) * n_frames, [Detections.none()] * n_frames, 0.0)


@pytest.mark.parametrize("n_frames", [1, 2, 3, 24, 200, 795, 90_000])
@pytest.mark.parametrize("timed", [True, False])
def test_texts_of_the_strip_cover_no_other(written, n_frames, timed):
    seconds = np.arange(n_frames) / 25 if timed else np.full(n_frames, np.nan)
    strip = draw_timeline(made_up(n_frames), title="a long name " * 30, seconds=seconds, marked=[0, n_frames - 1])
    texts = [text for text, *_ in written]
    assert ("min:s" in texts) == timed
    assert {"errors a frame", "frame", "2 drawn", "0"} <= set(texts)
    for text, (left, top, right, bottom), _, _ in written:
        assert left >= 0 <= top, text
        assert (right <= strip.width) & (bottom <= strip.height), text
    for (_, one, _, _), (_, other, _, _) in itertools.combinations(written, 2):
        assert overlap(one, other) == 0


def test_letters_of_the_strip_are_legible_as_wide_as_a_phone(written):
    strip = draw_timeline(made_up(100), title="clip", seconds=np.arange(100) / 25)
    digits = [bottom - top for text, (_, top, _, bottom), _, _ in written if text.isdigit()]
    assert min(digits) * 390 / strip.width > 6, "pixels of a digit on a screen of 390"


def test_the_strip_shows_suspected_upwards_in_red_and_missed_downwards_in_blue():
    counts = np.zeros((2, 10), np.int64)
    counts[0, 2], counts[1, 7] = 4, 2
    errors = FrameErrors(counts[0], counts[1], (np.zeros(0, bool),) * 10, [Detections.none()] * 10, 0.0)
    pixels = np.asarray(draw_timeline(errors, title="")).astype(int)[130:]
    wrong, lost = (np.argwhere(np.abs(pixels - look.colour).max(axis=2) < 8) for look in (SUSPECTED, MISSED))
    tall = wrong[:, 0].max() - wrong[:, 0].min(), lost[:, 0].max() - lost[:, 0].min()
    assert wrong[:, 0].max() < lost[:, 0].min()
    assert tall[0] == pytest.approx(2 * tall[1], abs=6)
    wide = (1550 - 200) / 10
    assert (wrong[:, 1].min(), wrong[:, 1].max() + 1) == pytest.approx((200 + 2 * wide, 200 + 3 * wide), abs=1)
    assert (lost[:, 1].min(), lost[:, 1].max() + 1) == pytest.approx((200 + 7 * wide, 200 + 8 * wide), abs=1)


def test_the_pictures_of_the_page_are_what_the_command_draws_today(tmp_path):
    """A little differs where other versions of OpenCV and Pillow compute the flow and draw letters."""
    import video_pictures

    video_pictures.write(tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["video-frame.jpg", "video-timeline.png"]
    for name in names:
        new, old = (cv2.imread(str(folder / name)).astype(float) for folder in (tmp_path, video_pictures.IMAGES))
        assert new.shape == old.shape
        assert np.abs(new - old).mean() < 4, f"{name}: run scripts/video_pictures.py"
