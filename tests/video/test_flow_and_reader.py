from __future__ import annotations

import os
import struct
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from askew.data.film import flow_tracker, open_video
from askew.errors import DataNotFound, InputError
from askew.video.flow import Flow, FlowShape, follow

cv2 = pytest.importorskip("cv2")


def waves(n_frames, speed=3, height=120, width=160):
    y, x = np.mgrid[:height, :width]
    still = (120 + 60 * np.sin(x / 5) + 60 * np.sin(y / 7 + x / 11)).astype(np.uint8)
    return [np.repeat(np.roll(still, speed * t, axis=1)[:, :, None], 3, axis=2) for t in range(n_frames)]


def write_avi(path, frames, kind="MJPG"):
    size = (frames[0].shape[1], frames[0].shape[0])
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*kind), 10, size)
    for frame in frames:
        writer.write(frame)
    writer.release()
    return path


def write_folder(path, frames):
    path.mkdir()
    for number, frame in enumerate(frames):
        cv2.imwrite(str(path / f"f{number}.png"), frame)
    return path


def hand_flow(n_frames=4):
    """On a grid of 2 x 1 cells over 200 x 100 pixels, worked at 100 x 50: the left moves by 1, the right by 3 (work
    pixels a frame), backwards by the opposite; frame 1 to 2 does not move at all."""
    fields = np.zeros((n_frames - 1, 2, 1, 2, 2), np.float16)
    fields[:, 0, 0, :, 0] = [1, 3]
    fields[:, 1, 0, :, 0] = [-1, -3]
    fields[1] = 0
    return Flow(fields, FlowShape(n_frames, 200, 100, 100, 50, 2, 1))


def test_a_box_follows_the_flow_at_its_centre():
    """Cell centres lie at x = 50 and 150. At 100 the flow is halfway, 2 work pixels, 4 of the full size."""
    box = np.array([[90, 40, 110, 60]], np.float32)
    ones = np.ones(1, np.int64)
    assert follow(hand_flow(), box, 0 * ones, 1 * ones).tolist() == [[94, 40, 114, 60]]
    assert follow(hand_flow(), box, 0 * ones, 2 * ones).tolist() == [[94, 40, 114, 60]]
    third = 94 + 2 * (1 + 2 * 0.54)  # at 104 the share of the right cell is 0.54
    assert follow(hand_flow(), box, 0 * ones, 3 * ones)[0, 0] == pytest.approx(third, abs=1e-3)
    assert follow(hand_flow(), box, 1 * ones, 0 * ones).tolist() == [[86, 40, 106, 60]]
    assert follow(hand_flow(), box, 2 * ones, 2 * ones).tolist() == box.tolist()


def test_beyond_the_edge_the_flow_at_the_edge_counts():
    box = np.array([[-60, -50, -40, -30], [290, 90, 310, 150]], np.float32)
    moved = follow(hand_flow(), box, np.zeros(2, np.int64), np.ones(2, np.int64))
    assert (moved - box).tolist() == [[2, 0, 2, 0], [6, 0, 6, 0]]


def test_many_boxes_at_once_are_those_one_by_one():
    tracker = flow_tracker(waves(6))
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 100, (40, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(5, 40, (40, 2))], axis=1).astype(np.float32)
    sources, targets = rng.integers(0, 6, 40), rng.integers(0, 6, 40)
    together = tracker.track_many(boxes, sources, targets)
    for box, source, target, moved in zip(boxes, sources, targets, together, strict=True):
        alone = tracker.track(box[None], int(source), int(target))
        assert alone[0].tolist() == moved.tolist()
        steps = box[None]
        for frame in range(int(source), int(target), 1 if target > source else -1):
            steps = tracker.track(steps, frame, frame + (1 if target > source else -1))
        assert np.allclose(steps, moved, atol=1e-4)


@pytest.mark.parametrize("preset", ["sharp", "ultrafast", "fast", "medium"])
def test_dis_finds_the_motion_both_ways_at_any_working_height(preset):
    box = np.array([[60, 40, 100, 80]], np.float32)
    for height_px in (60, 300):
        tracker = flow_tracker(waves(3), preset=preset, height_px=height_px)
        assert np.allclose(tracker.track(box, 0, 2), box + np.array([6, 0, 6, 0]), atol=0.7)
        assert np.allclose(tracker.track(box, 2, 1), box - np.array([3, 0, 3, 0]), atol=0.7)


def test_flow_is_kept_in_16_bits_and_used_again(tmp_path, monkeypatch):
    clip = write_avi(tmp_path / "clip.avi", waves(8))
    fresh = flow_tracker(clip, cache=tmp_path / "cache")
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".f16"]
    assert fresh.flow.fields.dtype == np.float16
    assert fresh.flow.fields.shape == (7, 2, 30, 40, 2)

    def refuse(*_, **__):
        raise AssertionError("computed again")

    monkeypatch.setattr("askew.data.film.flow._compute", refuse)
    again = flow_tracker(clip, cache=tmp_path / "cache")
    assert np.array_equal(again.flow.fields, fresh.flow.fields)
    with pytest.raises(AssertionError, match="computed again"):
        flow_tracker(clip, cache=tmp_path / "cache", height_px=60)
    os.utime(clip, ns=(1, 1))
    with pytest.raises(AssertionError, match="computed again"):
        flow_tracker(clip, cache=tmp_path / "cache")


def test_flow_in_memory_is_that_of_the_cache_and_workers_do_not_matter(tmp_path):
    clip = write_avi(tmp_path / "clip.avi", waves(12))
    one, two = flow_tracker(clip, workers=1), flow_tracker(clip, cache=tmp_path / "cache", workers=3)
    assert np.array_equal(one.flow.fields, two.flow.fields)


def test_a_killed_computation_leaves_no_flow(tmp_path):
    """The process is killed while it writes: what it leaves must not be taken for a flow."""
    clip = write_avi(tmp_path / "clip.avi", waves(30))
    code = (
        "import os, sys, signal\n"
        "from askew.data.film import flow_tracker\n"
        "def stop(number):\n    if number == 20: os.kill(os.getpid(), signal.SIGKILL)\n"
        "flow_tracker(sys.argv[1], cache=sys.argv[2], progress=stop)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(clip), str(tmp_path / "cache")], check=False)
    assert done.returncode == -9
    assert not list((tmp_path / "cache").glob("*.f16"))
    assert flow_tracker(clip, cache=tmp_path / "cache").flow.shape.n_frames == 30


def test_frames_of_a_file_and_of_a_folder(tmp_path):
    frames = waves(11)
    folder, clip = open_video(write_folder(tmp_path / "f", frames)), open_video(write_avi(tmp_path / "c.avi", frames))
    assert (folder.n_frames, clip.n_frames) == (11, 11)
    assert all(np.array_equal(a, b) for a, b in zip(folder, frames, strict=True))
    assert [path.stem for path in folder.pictures] == [f"f{n}" for n in range(11)]
    every = list(clip)
    for frame, image in clip.frames_at([9, 2, 2]):
        assert np.array_equal(image, every[frame])
    assert [frame for frame, _ in clip.frames_at([9, 2, 2])] == [2, 9]
    with pytest.raises(InputError, match="has frames 0 to 10, asked for 11"):
        list(clip.frames_at([11]))


def retimed(film, ticks):
    """Returns an mp4 whose frames last so many ticks each: its table of times (stts) is written anew."""
    at = film.index(b"stts") - 4
    (old,) = struct.unpack(">I", film[at : at + 4])
    table = b"".join(struct.pack(">II", 1, tick) for tick in ticks)
    new = struct.pack(">I4sII", 16 + len(table), b"stts", 0, len(ticks)) + table
    out = bytearray(film[:at] + new + film[at + old :])
    for box in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
        place = film.index(box) - 4
        (size,) = struct.unpack(">I", film[place : place + 4])
        out[place : place + 4] = struct.pack(">I", size + len(new) - old)
    return bytes(out).replace(b"edts", b"free")


def test_seconds_are_those_of_the_file_where_frames_are_not_equally_far_apart(tmp_path):
    """Before, the number of a frame was divided by the mean rate: 0, 0.18, 0.37, 0.55, 0.73, 0.92."""
    clip = write_avi(tmp_path / "even.mp4", waves(6), "mp4v")
    assert open_video(clip).seconds().tolist() == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5])
    film = clip.read_bytes()
    at = film.index(b"stts") + 16
    (tick,) = struct.unpack(">I", film[at : at + 4])
    clip.write_bytes(retimed(film, [tick, tick, 5 * tick, tick, 2 * tick, tick]))
    video = open_video(clip)
    assert video.seconds().tolist() == pytest.approx([0, 0.1, 0.2, 0.7, 0.8, 1.0])
    assert len(list(video)) == 6
    assert open_video(clip, n_frames=4).seconds().tolist() == pytest.approx([0, 0.1, 0.2, 0.7])
    assert np.isnan(open_video(write_folder(tmp_path / "f", waves(3))).seconds()).all()


@pytest.mark.parametrize(
    ("kind", "suffix", "rate"), [("PIM1", ".mpg", 29.97), ("WMV2", ".wmv", 10), ("mp4v", ".mkv", 23)]
)
def test_where_the_header_does_not_count_the_frames_they_are_counted(tmp_path, kind, suffix, rate):
    """Before, OpenCV's guess from length and rate was taken for the header's word, and whole files were refused."""
    for n_frames in (1, 7, 31):
        clip = tmp_path / f"{n_frames}{suffix}"
        writer = cv2.VideoWriter(str(clip), cv2.VideoWriter_fourcc(*kind), rate, (160, 120))
        if not writer.isOpened():
            pytest.skip(f"this OpenCV does not write {suffix}")
        for frame in waves(n_frames):
            writer.write(frame)
        writer.release()
        assert len(list(open_video(clip))) == n_frames


def test_a_video_cut_short(tmp_path):
    clip = write_avi(tmp_path / "clip.avi", waves(40))
    whole = clip.read_bytes()
    clip.write_bytes(whole[: len(whole) // 2])
    video = open_video(clip)
    with pytest.raises(
        InputError, match=r"speaks of 40 frames, but only \d+ can be read: .*\(--frames \d+\)"
    ) as caught:
        flow_tracker(clip, cache=tmp_path / "cache")
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "cache").iterdir())
    left = int(str(caught.value).split("only ")[1].split()[0])
    assert len(list(open_video(clip, n_frames=left))) == left < video.n_frames
    clip.write_bytes(whole[:100])
    with pytest.raises(InputError, match="not a video"):
        open_video(clip)


def test_a_header_of_another_size(tmp_path):
    video = replace(open_video(write_avi(tmp_path / "clip.avi", waves(3))), width_px=80)
    with pytest.raises(InputError, match="its frames are of 160 x 120 pixels, its header says 80 x 120"):
        flow_tracker(video, cache=tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_frames_cut_short(tmp_path):
    """OpenCV fills the rest of some of them with grey, and reserves gigabytes for others."""
    folder = write_folder(tmp_path / "f", waves(2))
    whole = (folder / "f1.png").read_bytes()
    for size in (0, 20, len(whole) // 2, len(whole) - 20):
        (folder / "f1.png").write_bytes(whole[:size])
        with pytest.raises(InputError, match=r"f1\.png: (cannot be read as a picture|not a picture)"):
            open_video(folder).check()


def test_mixed_sizes(tmp_path):
    folder = write_folder(tmp_path / "f", [*waves(2), *waves(1, width=80)])
    with pytest.raises(InputError, match=r"80 x 120 pixels, but f0\.png has 160 x 120"):
        flow_tracker(folder)
    with pytest.raises(InputError, match=r"frame 1 has \(80, 120\) pixels"):
        flow_tracker([*waves(1), *waves(1, width=80)])


def test_what_is_no_video(tmp_path):
    with pytest.raises(DataNotFound, match="does not exist"):
        open_video(tmp_path / "none.mp4")
    with pytest.raises(DataNotFound, match="holds no pictures"):
        open_video(tmp_path)
    with pytest.raises(InputError, match="frame 0 is float64"):
        flow_tracker([np.zeros((4, 4))])
    with pytest.raises(InputError, match="has no frames"):
        flow_tracker([])
    with pytest.raises(InputError, match="cache: needs a path"):
        flow_tracker(waves(2), cache=tmp_path)
    with pytest.raises(InputError, match="unknown preset 'slow'"):
        flow_tracker(waves(2), preset="slow")
    with pytest.raises(InputError, match="flow is of 2 frames; asked for frames 2 to 2"):
        flow_tracker(waves(2)).track(np.zeros((1, 4), np.float32), 0, 2)


def test_one_frame_alone():
    box = np.array([[1, 2, 3, 4]], np.float32)
    assert flow_tracker(waves(1)).track(box, 0, 0).tolist() == box.tolist()


def test_what_opencv_throws_at_a_damaged_frame_is_one_line(tmp_path, monkeypatch):
    video = open_video(write_avi(tmp_path / "a.avi", waves(3)))

    class Damaged:
        def __init__(self, _):
            pass

        def grab(self):
            return True

        def retrieve(self):
            raise cv2.error("container_avi.cpp:530: error:\n(-215:Assertion failed) chunk.m_size <= 67108864")

        def release(self):
            pass

    monkeypatch.setattr(cv2, "VideoCapture", Damaged)
    with pytest.raises(InputError, match=r"a\.avi: cannot be read as a video: .*m_size") as caught:
        video.check()
    assert "\n" not in str(caught.value)
