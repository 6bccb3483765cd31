"""Files and folders are written whole, and nothing is lost that askew did not write."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import askew
from askew.errors import DataNotFound, InputError
from askew.files import (
    MANIFEST,
    cache_root,
    check_output_folder,
    n_cores,
    new_folder,
    output_folder,
    sweep,
    whole_file,
    write_whole,
)


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, hidden ones too, but the manifest."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }


def fill(path: Path, files: dict[str, str], **options: object) -> None:
    with output_folder(path, **options) as folder:  # type: ignore[arg-type]
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")


def fail_after_writing(path: Path) -> None:
    path.write_text("half", encoding="utf-8")
    raise RuntimeError


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.txt"
    write_whole(path, "one\r\nä")
    assert path.read_bytes() == "one\r\nä".encode()
    with pytest.raises(RuntimeError), whole_file(path) as draft:
        fail_after_writing(draft)
    assert tree(tmp_path) == {"a.txt": "one\r\nä".encode()}
    write_whole(path, b"\0two")
    assert tree(tmp_path) == {"a.txt": b"\0two"}


def test_a_file_keeps_its_permissions_and_a_link_its_place(tmp_path):
    real, link = tmp_path / "real.txt", tmp_path / "link.txt"
    real.write_text("old", encoding="utf-8")
    real.chmod(0o640)
    link.symlink_to(real)
    write_whole(link, "new")
    assert link.is_symlink()
    assert real.read_text(encoding="utf-8") == "new"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


def test_a_device_or_a_pipe_gets_the_bytes_and_stays_what_it_is(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    write_whole(pipe, "through")
    reader.join(5)
    assert got == [b"through"]
    assert pipe.is_fifo()
    assert os.listdir(tmp_path) == ["pipe"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line():
    with pytest.raises(InputError, match="/dev/full: cannot be written: No space left"):
        write_whole("/dev/full", "x" * 100_000)


def test_where_no_file_can_be_written_is_said(tmp_path):
    with pytest.raises(InputError, match="is a folder"):
        write_whole(tmp_path, "x")
    with pytest.raises(DataNotFound, match="there is no folder"):
        write_whole(tmp_path / "no" / "x", "x")
    with pytest.raises(InputError, match="cannot be written: File name too long"):
        write_whole(tmp_path / ("x" * 300), "x")
    with pytest.raises(InputError, match="cannot be written: File name too long"):
        check_output_folder(tmp_path / ("x" * 300))


def test_an_error_about_another_file_is_not_taken_for_one_of_writing(tmp_path):
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "out"):
        (tmp_path / "output.txt").read_bytes()


def test_a_new_or_an_empty_folder_is_filled(tmp_path):
    fill(tmp_path / "new", {"a": "1", "sub/b": "2"})
    (tmp_path / "empty").mkdir()
    fill(tmp_path / "empty", {"a": "1"})
    assert tree(tmp_path) == {"new/a": b"1", "new/sub/b": b"2", "empty/a": b"1"}
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o777 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_folder_with_something_in_it_needs_force(tmp_path):
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="has something in it: choose another folder, or add --force"):
        fill(tmp_path, {"a": "1"})
    assert tree(tmp_path) == {"notes.txt": b"mine"}
    with pytest.raises(InputError, match="is a file"):
        fill(tmp_path / "notes.txt", {"a": "1"}, force=True)
    with pytest.raises(DataNotFound, match="there is no folder"):
        fill(tmp_path / "no" / "out", {"a": "1"})


def test_force_replaces_what_askew_wrote_and_nothing_else(tmp_path):
    out = tmp_path / "out"
    fill(out, {"a": "1", "old/b": "2", "both/c": "3"})
    (out / "notes.txt").write_text("mine", encoding="utf-8")
    (out / "both" / "mine").write_text("mine", encoding="utf-8")
    (out / "bare").mkdir()
    fill(out, {"a": "9", "new/d": "4"}, force=True)
    assert tree(out) == {"a": b"9", "both/mine": b"mine", "new/d": b"4", "notes.txt": b"mine"}
    assert sorted(p.name for p in out.iterdir() if p.is_dir()) == ["bare", "both", "new"]
    fill(out, {"a": "8"}, force=True)
    assert tree(out) == {"a": b"8", "both/mine": b"mine", "notes.txt": b"mine"}


@pytest.mark.parametrize(
    ("made", "name"), [("strange", "strange"), ("strange/x", "strange/x"), ("strange", "strange/x")]
)
def test_a_file_that_askew_did_not_write_is_never_overwritten(tmp_path, made, name):
    out = tmp_path / "out"
    fill(out, {"a": "1"})
    (out / made).parent.mkdir(exist_ok=True)
    (out / made).write_text("mine", encoding="utf-8")
    before = tree(tmp_path)
    with pytest.raises(InputError, match=re.escape(f"{out / made}: was not written by askew, or was changed since")):
        fill(out, {"a": "2", name: "3"}, force=True)
    assert tree(tmp_path) == before


def test_a_file_that_was_changed_since_is_not_overwritten(tmp_path):
    fill(tmp_path / "out", {"a": "1", "b": "2"})
    (tmp_path / "out" / "b").write_text("my work", encoding="utf-8")
    with pytest.raises(InputError, match="b: was not written by askew, or was changed since"):
        fill(tmp_path / "out", {"a": "2", "b": "3"}, force=True)
    fill(tmp_path / "out", {"a": "2"}, force=True)
    assert tree(tmp_path) == {"out/a": b"2", "out/b": b"my work"}


def test_a_link_in_the_folder_is_not_written_through(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "frames").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="frames: was not written by askew"):
        fill(tmp_path / "out", {"frames/a": "1"}, force=True)
    assert tree(tmp_path) == {}


def test_a_manifest_from_a_stranger_deletes_nothing_outside(tmp_path):
    fill(tmp_path / "out", {"a": "1"})
    (tmp_path / "precious").write_text("1", encoding="utf-8")
    manifest = tmp_path / "out" / MANIFEST
    text = manifest.read_text(encoding="utf-8")
    (tmp_path / "out" / "a").unlink()
    for name in ("../precious", str(tmp_path / "precious")):
        manifest.write_text(text.replace('"a"', f'"{name}"'), encoding="utf-8")
        fill(tmp_path / "out", {"b": "1"}, force=True)
        (tmp_path / "out" / "b").unlink()
        assert tree(tmp_path) == {"precious": b"1"}
    manifest.write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="is damaged"):
        fill(tmp_path / "out", {"b": "1"}, force=True)
    assert tree(tmp_path) == {"precious": b"1"}


def test_what_is_read_is_never_written_over(tmp_path):
    out = tmp_path / "out"
    fill(out, {"a": "1", "sub/b": "2"})
    outside, links = tmp_path / "outside", tmp_path / "links"
    outside.write_text("x", encoding="utf-8")
    links.mkdir()
    (links / "b").symlink_to(out / "sub" / "b")
    (out / "lead").symlink_to(outside)
    (tmp_path / "alias").symlink_to(out)
    reads = [out, out / "a", out / "sub", tmp_path, tmp_path / "alias" / "a", links, links / "b", out / "lead"]
    before = tree(tmp_path)
    for read in reads:
        for goal in (out, tmp_path / "alias", out / "sub" / ".."):
            with pytest.raises(InputError, match="--force would write where"):
                fill(goal, {"a": "2"}, force=True, reads=[outside, read])
    assert tree(tmp_path) == before
    fill(out, {"a": "2"}, force=True, reads=[outside, tmp_path / "absent"])
    assert tree(out)["a"] == b"2"


def test_a_folder_within_what_is_read_is_never_written_over(tmp_path):
    out = tmp_path / "clips" / "out"
    out.parent.mkdir()
    fill(out, {"a": "1"}, reads=[tmp_path / "clips"])
    with pytest.raises(InputError, match="--force would write where"):
        fill(out, {"a": "2"}, force=True, reads=[tmp_path / "clips"])
    assert tree(out) == {"a": b"1"}


def test_the_working_folder_and_home_are_never_written_over(tmp_path, monkeypatch):
    home, work = tmp_path / "home", tmp_path / "at" / "work"
    for folder in (home, work):
        folder.mkdir(parents=True)
        (folder / "x").write_text("mine", encoding="utf-8")
    monkeypatch.chdir(work)
    monkeypatch.setenv("HOME", str(home))
    before = tree(tmp_path)
    for goal in (".", "..", "/", work, work.parent, tmp_path, home, "~"):
        path = Path(goal).expanduser()
        with pytest.raises(InputError, match=r"is or holds the (working|home) folder"):
            fill(path, {"a": "2"}, force=True)
    assert tree(tmp_path) == before


def test_an_empty_working_folder_can_be_filled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fill(Path(), {"a": "1"})
    assert Path("a").read_text(encoding="utf-8") == "1"


def test_a_block_that_fails_leaves_all_as_it_was(tmp_path):
    fill(tmp_path / "out", {"a": "1"})
    before = tree(tmp_path)
    for goal in ("out", "new"):
        with pytest.raises(RuntimeError), output_folder(tmp_path / goal, force=True) as folder:
            fail_after_writing(folder / "a")
    assert tree(tmp_path) == before
    assert sorted(os.listdir(tmp_path)) == ["out"]


@pytest.mark.parametrize("nth", range(8))
def test_a_move_that_fails_is_undone(tmp_path, monkeypatch, nth):
    out = tmp_path / "out"
    fill(out, {"a": "1", "sub/b": "2"})
    (out / "mine").write_text("mine", encoding="utf-8")
    before, rename, calls = tree(tmp_path), Path.rename, iter(range(100))

    def fails(self: Path, target: Path) -> Path:
        if next(calls) == nth:
            raise OSError(28, "No space left on device", str(self))
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", fails)
        if nth < 6:  # three old files, the manifest among them, move aside, and three new ones in
            with pytest.raises(InputError, match="cannot be written: No space left"):
                fill(out, {"a": "3", "new/c": "4"}, force=True)
            assert tree(tmp_path) == before
            assert sorted(os.listdir(out)) == [MANIFEST, "a", "mine", "sub"]
        else:
            fill(out, {"a": "3", "new/c": "4"}, force=True)
            assert tree(out) == {"a": b"3", "mine": b"mine", "new/c": b"4"}


NAMES = st.sampled_from(["a", "b", "sub/a", "sub/b", "sub/deep/c", "a/b"])
STEP = st.one_of(
    st.tuples(st.just("askew"), st.dictionaries(NAMES, st.sampled_from("xyz"), max_size=4)),
    st.tuples(st.sampled_from(["write", "delete"]), NAMES, st.sampled_from("xyz")),
)


@settings(deadline=None)
@given(st.lists(STEP, max_size=12))
def test_whatever_happens_a_file_of_the_user_stays(steps):
    """A reference keeps two dicts, what lies there and what askew wrote last; fills are checked against it."""
    with tempfile.TemporaryDirectory() as where:
        out, there, own = Path(where, "out"), dict[str, bytes](), dict[str, bytes]()
        for what, *details in steps:
            if what == "askew":
                fills = details[0]
                if any(one.startswith(f"{other}/") for one in fills for other in fills):
                    continue
                kept = {name: text for name, text in there.items() if own.get(name) != text}
                meets = any(a == b or a.startswith(f"{b}/") for a in fills for b in kept)
                meets |= any((out / name).is_dir() for name in fills)
                if meets:
                    with pytest.raises(InputError, match="was not written by askew, or was changed since"):
                        fill(out, fills, force=True)
                else:
                    fill(out, fills, force=True)
                    own = {name: text.encode() for name, text in fills.items()}
                    there = kept | own
            else:
                name, text = details
                path = out / name
                clear = not path.is_dir() and all(above.is_dir() or not above.exists() for above in path.parents)
                if what == "delete" and path.is_file():
                    path.unlink()
                    del there[name]
                elif what == "write" and clear:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(text.encode())
                    there[name] = text.encode()
            assert (tree(out) if out.exists() else {}) == there
            assert sorted(os.listdir(where)) == (["out"] if out.exists() else [])


SLOW = """
import sys, time
from askew.files import output_folder
with output_folder(sys.argv[1], force=True) as folder:
    (folder / "a").write_text("2")
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL])
def test_a_killed_process_leaves_the_old_folder_whole(tmp_path, number):
    fill(tmp_path / "out", {"a": "1"})
    command = [sys.executable, "-c", SLOW, str(tmp_path / "out")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        process.wait(20)
    assert tree(tmp_path / "out") == {"a": b"1"}
    if number != signal.SIGKILL:
        assert os.listdir(tmp_path) == ["out"]
        assert process.returncode in (128 + number, -number)


def test_the_plan_of_a_program_for_signals_is_kept(tmp_path):
    plan = lambda *_: None  # noqa: E731
    before = signal.signal(signal.SIGTERM, plan)
    try:
        fill(tmp_path / "out", {"a": "1"})
        assert signal.getsignal(signal.SIGTERM) is plan
    finally:
        signal.signal(signal.SIGTERM, before)
    done = threading.Thread(target=fill, args=(tmp_path / "other", {"a": "1"}))
    done.start()
    done.join(10)
    assert tree(tmp_path / "other") == {"a": b"1"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_locked_folder_is_one_line(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="cannot be written: Permission denied"):
        fill(tmp_path / "out", {"a": "1"})
    tmp_path.chmod(0o700)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs a folder that nobody can write to")
def test_a_folder_that_cannot_be_written_is_told_before_the_work():
    with pytest.raises(InputError, match="/proc/out: cannot be written: No such file or directory"):
        check_output_folder("/proc/out")


def test_the_cache_folder_follows_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("ASKEW_CACHE", str(tmp_path / "one"))
    assert cache_root() == tmp_path / "one"
    monkeypatch.delenv("ASKEW_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "two"))
    assert cache_root() == tmp_path / "two" / "askew"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_root() == tmp_path / ".cache" / "askew"


def test_cores_are_those_of_the_process():
    code = "import os, askew.files as f; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); print(f.n_cores())"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out == "1\n"
    assert n_cores() >= 1


LEFT = """
import sys, time
from pathlib import Path
from askew.files import output_folder, whole_file
with whole_file("a.txt") as draft, output_folder("made") as new:
    draft.write_text("half")
    (new / "deep").mkdir()
    (new / "deep" / "b").write_text("half")
    print("ready", flush=True)
    time.sleep(600)
"""


def aged(folder: Path) -> list[str]:
    """Makes the drafts of a folder a minute old and lists them."""
    found = sorted(folder.glob(".askew-*.part"))
    for draft in found:
        os.utime(draft, (time.time() - 60,) * 2)
    return [draft.name for draft in found]


@pytest.mark.skipif(sys.platform == "win32", reason="no locks that a killed process loses")
def test_drafts_of_a_killed_process_are_swept_and_those_of_one_that_lives_stay(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(Path(askew.__file__).parents[1])}
    run = [sys.executable, "-c", LEFT]
    with subprocess.Popen(run, cwd=tmp_path, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        drafts = aged(tmp_path)
        assert len(drafts) == 2
        sweep(tmp_path)
        assert aged(tmp_path) == drafts
        process.kill()
    assert aged(tmp_path) == drafts
    with output_folder(tmp_path / "other") as new:
        (new / "c").write_text("whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other"]


@pytest.mark.skipif(sys.platform == "win32", reason="no locks that a killed process loses")
def test_only_drafts_that_askew_left_are_swept(tmp_path):
    theirs = [".askew-0123456789abcdef.part.txt", "askew-0123456789abcdef.part", ".askew-0123.part", ".askew.part"]
    for name in theirs:
        (tmp_path / name).touch()
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    (tmp_path / ".askew-00000000000000aa.part").symlink_to(tmp_path / "precious")
    os.mkfifo(tmp_path / ".askew-00000000000000bb.part")
    (tmp_path / ".askew-00000000000000cc.part").touch()  # so young that its writer may not have locked it yet
    sweep(tmp_path)
    sweep(tmp_path / "nowhere")
    assert len(list(tmp_path.iterdir())) == len(theirs) + 4
    assert (tmp_path / "precious" / "file").is_file()
    os.utime(tmp_path / ".askew-00000000000000cc.part", (time.time() - 60,) * 2)
    sweep(tmp_path)
    assert not (tmp_path / ".askew-00000000000000cc.part").exists()


@pytest.mark.parametrize("there", [False, True])
def test_a_new_folder_is_there_whole_or_not_at_all(tmp_path: Path, there: bool) -> None:
    goal = tmp_path / "new"
    if there:
        goal.mkdir()

    def fill(*, fail: bool) -> None:
        with new_folder(goal, last="a") as draft:
            (draft / "a").write_text("1")
            (draft / "b").mkdir()
            if fail:
                raise RuntimeError

    with pytest.raises(RuntimeError):
        fill(fail=True)
    assert [one.name for one in tmp_path.rglob("*")] == (["new"] if there else [])
    fill(fail=False)
    assert sorted(one.name for one in tmp_path.rglob("*")) == ["a", "b", "new"]
    with pytest.raises(InputError, match=r"has something in it: choose another folder$"):
        fill(fail=False)
    with pytest.raises(InputError, match="is a file"), new_folder(goal / "a", last="a"):
        pass
