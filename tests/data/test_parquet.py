from __future__ import annotations

import io
import json

import numpy as np
import pytest

from askew.data.dataset import Images
from askew.data.load import load
from askew.errors import InputError

Image = pytest.importorskip("PIL.Image")
pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 9, 9, 3), dtype=np.uint8)
LABELS = np.arange(12) % 3
NAMES = ["cat", "dog", "emu"]


def encoded(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


PNG = [encoded(one) for one in PIXELS]
STRUCTS = [{"bytes": data, "path": f"{i}.png"} for i, data in enumerate(PNG)]


def write(path, features=None, **columns):
    """Writes a table as the datasets library does, which describes the columns in the metadata of the schema."""
    table = pyarrow.table(columns)
    if features is not None:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(table, path)
    return path


CLASS_LABEL = {"image": {"_type": "Image"}, "label": {"names": NAMES, "_type": "ClassLabel"}}


def same(images, items):
    assert np.array_equal(images.pixels, PIXELS[items])
    assert images.labels.tolist() == LABELS[items].tolist()


@pytest.mark.parametrize(
    ("columns", "features", "classes"),
    [
        ({"image": STRUCTS, "label": LABELS}, CLASS_LABEL, NAMES),
        ({"image": STRUCTS, "label": LABELS}, None, ["0", "1", "2"]),
        ({"image": PNG, "label": LABELS.astype(np.int8)}, None, ["0", "1", "2"]),
        ({"image": PNG, "label": LABELS.astype(float)}, None, ["0", "1", "2"]),
        ({"img": PNG, "class": [NAMES[c] for c in LABELS]}, None, NAMES),
        ({"photo": [{"bytes": one} for one in PNG], "Label": [NAMES[c] for c in LABELS]}, None, NAMES),
        ({"image": STRUCTS, "mask": STRUCTS, "label": LABELS}, None, ["0", "1", "2"]),
        (
            {"image": pyarrow.array(PNG, pyarrow.large_binary()), "label": pyarrow.array(LABELS).dictionary_encode()},
            None,
            ["0", "1", "2"],
        ),
        (
            {"image": STRUCTS, "animal": LABELS, "id": range(12)},
            {"animal": {"names": NAMES, "_type": "ClassLabel"}},
            NAMES,
        ),
    ],
)
def test_every_form_gives_the_same_pictures_and_classes(tmp_path, columns, features, classes):
    path = write(tmp_path / "a.parquet", features, **columns)
    pool = Images.of(path)
    same(pool, np.arange(12))
    assert list(pool.classes) == classes
    data = load(path, test_fraction=0.25)
    assert (list(data.classes), len(data.test)) == (classes, 3)
    both = np.concatenate([data.train.pixels, data.test.pixels])
    assert sorted(one.tobytes() for one in both) == sorted(one.tobytes() for one in PIXELS)


def test_shards_of_splits(tmp_path):
    for name, items in (
        ("train-00000-of-00002", [0, 1, 2, 3]),
        ("train-00001-of-00002", [4, 5, 6]),
        ("test-0", [7, 8]),
    ):
        columns = {"image": [STRUCTS[i] for i in items], "label": LABELS[items]}
        write(tmp_path / "data" / f"{name}.parquet", CLASS_LABEL, **columns)
    write(tmp_path / "data" / "validation-0.parquet", CLASS_LABEL, image=STRUCTS[9:], label=LABELS[9:])
    write(tmp_path / ".cache" / "x.parquet", a=[1])
    data = load(tmp_path)
    same(data.train, np.arange(7))
    same(data.test, [7, 8])
    with pytest.raises(InputError, match=r"holds several splits, test, train, validation: pass the files of one"):
        Images.of(tmp_path)
    shards = sorted((tmp_path / "data").glob("train-*.parquet"))
    pool = Images.of(shards)
    same(pool, np.arange(7))
    assert pool.names == tuple(f"{i}.png" for i in range(7))
    same(Images.of(list(map(str, shards[1:]))), np.arange(4, 7))
    (tmp_path / "data" / "test-0.parquet").unlink()
    same(load(tmp_path).test, np.arange(9, 12))


def test_splits_named_by_folders_and_shards_without_a_split(tmp_path):
    for part, items in (("train", np.arange(8)), ("test", np.arange(8, 12))):
        write(tmp_path / "a" / part / "0000.parquet", None, image=[PNG[i] for i in items], label=LABELS[items])
        write(tmp_path / "b" / f"{part[1]}.parquet", None, image=[PNG[i] for i in items], label=LABELS[items])
    same(load(tmp_path / "a").test, np.arange(8, 12))
    assert len(load(tmp_path / "b").train) == 9
    assert len(Images.of(tmp_path / "b")) == 12
    assert Images.of(tmp_path / "b").names[:2] == ("e.parquet:0", "e.parquet:1")


def test_gaps_are_unlabeled_items_of_a_pool(tmp_path):
    path = write(tmp_path / "a.parquet", CLASS_LABEL, image=STRUCTS[:4], label=[0, None, -1, 2])
    pool = Images.of(path)
    assert (pool.labels.tolist(), list(pool.classes)) == ([0, -1, -1, 2], NAMES)
    with pytest.raises(InputError, match=r"2 of 4 pictures have no label, first in row 1 .*askew\.Images\.of reads"):
        load(path)
    assert Images.of(write(tmp_path / "b.parquet", None, image=PNG)).labels.tolist() == [-1] * 12
    words = write(tmp_path / "c.parquet", None, image=PNG[:3], label=["dog", None, "cat"])
    assert Images.of(words).labels.tolist() == [1, -1, 0]


def test_a_column_of_labels_is_asked_for(tmp_path):
    fine = {"names": list("abcdefghijkl"), "_type": "ClassLabel"}
    features = {"fine_label": fine, "coarse_label": {"names": NAMES, "_type": "ClassLabel"}}
    path = write(tmp_path / "a.parquet", features, img=STRUCTS, fine_label=range(12), coarse_label=LABELS)
    for read in (load, Images.of):
        with pytest.raises(
            InputError, match=r"class; there are fine_label, coarse_label: pass label_column='fine_label'"
        ):
            read(path)
    assert (Images.of(path, label_column="").labels == -1).all()
    assert load(path, label_column="coarse_label").classes == tuple(NAMES)
    assert Images.of(path, label_column="fine_label").labels.tolist() == list(range(12))
    with pytest.raises(InputError, match=r"label_column: .* has no column called 'x'; it has fine_label, coarse_label"):
        load(path, label_column="x")


def test_pictures_become_squares_of_a_side(tmp_path):
    wide = [encoded(np.repeat(one, 2, axis=1)) for one in PIXELS]
    path = write(tmp_path / "a.parquet", None, image=[wide[0], *PNG[1:]], label=LABELS)
    assert Images.of(path).shape == (9, 9, 3)
    assert load(path, image_side_px=5).train.shape == (5, 5, 3)
    same(Images.of(path).take(range(1, 12)), np.arange(1, 12))


def test_pictures_that_are_not_there_or_damaged(tmp_path):
    damaged = [*PNG[:3], b"no picture", None, PNG[5][:40], *PNG[6:]]
    path = write(tmp_path / "a.parquet", None, image=damaged, label=LABELS)
    with pytest.raises(InputError, match=r"a\.parquet:3: 10 bytes: cannot be read as a picture.*--skip-unreadable"):
        load(path)
    good = np.delete(np.arange(12), [3, 4, 5])
    data = load(path, skip_unreadable=True)
    assert [one.name for one in data.unreadable] == ["a.parquet:3", "a.parquet:4", "a.parquet:5"]
    assert len(data.train) + len(data.test) == 9
    for _ in range(2):
        pool = Images.of(path, skip_unreadable=True)
        same(pool, good)
        assert pool.names == tuple(f"a.parquet:{i}" for i in good)
    with pytest.raises(InputError, match=r"b\.parquet:0: cannot be|b\.parquet:0: 2 bytes"):
        Images.of(write(tmp_path / "b.parquet", None, image=[b"no"] * 2), skip_unreadable=True)


@pytest.mark.parametrize(
    ("columns", "features", "message"),
    [
        (
            {"a": [1, 2], "label": [0, 1]},
            None,
            "no column of pictures, as bytes or as structs of bytes and path; there",
        ),
        ({"a": PNG, "b": PNG}, None, "several columns of pictures"),
        ({"image": PNG, "label": [[0, 1]] * 12}, None, r"column 'label' is list<.*>: expected one class"),
        ({"image": PNG, "label": LABELS - 2}, None, "label -2 at picture 0: expected classes from 0"),
        ({"image": PNG, "label": LABELS + 1}, CLASS_LABEL, "label 3 at picture 2: expected classes from 0 to 2"),
        ({"image": PNG, "label": LABELS + 10**6}, None, "would mean 1,000,003 classes"),
        ({"image": PNG, "label": np.full(12, 2**63, np.uint64)}, None, "cannot be read as a Parquet file"),
        ({"image": PNG, "label": LABELS / 2}, None, "0.5 at item 1 is not a whole number"),
        ({"image": pyarrow.array([], pyarrow.binary())}, None, "has no rows"),
        ({"image": [{**STRUCTS[0], "bytes": None}, *STRUCTS]}, None, r"a\.parquet:0: has the path 0\.png and no bytes"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, columns, features, message):
    with pytest.raises(InputError, match=message) as caught:
        Images.of(write(tmp_path / "a.parquet", features, **columns))
    assert "\n" not in str(caught.value)


def test_shards_that_differ_are_no_data_set(tmp_path):
    write(tmp_path / "a.parquet", CLASS_LABEL, image=STRUCTS, label=LABELS)
    write(tmp_path / "b.parquet", None, image=PNG, label=LABELS)
    with pytest.raises(InputError, match=r"b\.parquet: has other columns or classes than a\.parquet"):
        load(tmp_path)
    write(tmp_path / "b.parquet", None, image=PNG, label=LABELS).rename(tmp_path / "train-0.parquet")
    with pytest.raises(InputError, match=r"a\.parquet: names no split, as the others do"):
        load(tmp_path)
    (tmp_path / "a.parquet").rename(tmp_path / "val.parquet")
    (tmp_path / "train-0.parquet").unlink()
    with pytest.raises(InputError, match=r"has no shards of a train split, only such as val\.parquet"):
        load(tmp_path)


def test_pictures_are_decoded_once(tmp_path, monkeypatch):
    from askew.data import pictures

    path = write(tmp_path / "a.parquet", None, image=PNG, label=LABELS)
    first = load(path)
    monkeypatch.setattr(pictures, "decode_bytes", lambda *_: pytest.fail("decoded again"))
    assert np.array_equal(load(path).train.pixels, first.train.pixels)


@pytest.mark.parametrize("column", ["fine_label", "y"])
def test_a_column_that_may_hold_labels_is_not_passed_over(tmp_path, column):
    pyarrow = pytest.importorskip("pyarrow")
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG")
    table = {"image": [file.getvalue()] * 3, column: ["cat", "unlabeled", "dog"]}
    pyarrow.parquet.write_table(pyarrow.table(table), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=rf"there is '{column}': pass label_column='{column}'"):
        Images.of(tmp_path / "a.parquet")
    pool = Images.of(tmp_path / "a.parquet", label_column=column)
    assert (pool.classes, pool.labels.tolist()) == (("cat", "dog"), [0, -1, 1])
    assert Images.of(tmp_path / "a.parquet", label_column="").labels.tolist() == [-1, -1, -1]
