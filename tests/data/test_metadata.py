from __future__ import annotations

import csv
import json

import numpy as np
import pytest

import askew
from askew.data.dataset import Images
from askew.data.load import load
from askew.errors import DataNotFound, InputError

Image = pytest.importorskip("PIL.Image")


def picture(path, gray):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (12, 10), gray).save(path)


def as_csv(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def as_jsonl(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def as_parquet(path, rows):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)


FORMS = {"metadata.csv": as_csv, "metadata.jsonl": as_jsonl, "metadata.parquet": as_parquet}
ANIMALS = {f"{i}.png": ("cat", "dog", "emu")[i % 3] for i in range(9)}


def animals(folder, write=as_csv, name="metadata.csv", **more):
    """Nine pictures, gray i for picture i, and the table that says what they show."""
    for i, file in enumerate(ANIMALS):
        picture(folder / file, 10 * i)
    write(folder / name, [{"file_name": file, "label": label, **more} for file, label in ANIMALS.items()])


def shown(data):
    """Returns the gray and the class's name of each picture of a data set or a pool."""
    pairs = []
    for images in (data.train, data.test) if hasattr(data, "train") else (data,):
        grays = [int(images.thumbnail(i, 8)[4, 4, 0]) for i in range(len(images))]
        pairs += zip(grays, (None if c < 0 else data.classes[c] for c in images.labels.tolist()), strict=True)
    return sorted(pairs)


EXPECTED = sorted((10 * i, label) for i, label in enumerate(ANIMALS.values()))


@pytest.mark.parametrize("name", FORMS)
def test_every_form_of_the_table_says_the_classes(tmp_path, name):
    animals(tmp_path / "set", FORMS[name], name)
    data = load(tmp_path / "set", test_fraction=0.34)
    assert (data.classes, len(data.test)) == (("cat", "dog", "emu"), 3)
    assert shown(data) == EXPECTED
    pool = Images.of(tmp_path / "set")
    assert shown(pool) == EXPECTED
    assert pool.names == tuple(ANIMALS)


def test_the_table_counts_and_not_the_folders(tmp_path):
    picture(tmp_path / "a" / "0.png", 0)
    picture(tmp_path / "b" / "1.png", 10)
    as_csv(tmp_path / "metadata.csv", [{"file_name": "a/0.png", "label": 1}, {"file_name": "b/1.png", "label": 0}])
    pool = Images.of(tmp_path)
    assert (pool.labels.tolist(), pool.classes) == ([1, 0], ("0", "1"))


def test_splits_with_a_table_each_share_their_classes(tmp_path):
    for part, grays in (("train", (0, 10, 20)), ("validation", (30,)), ("test", (40, 50))):
        for gray in grays:
            picture(tmp_path / part / "pictures" / f"{gray}.png", gray)
        rows = [{"file_name": f"pictures/{gray}.png", "label": "even" if gray % 20 == 0 else "odd"} for gray in grays]
        as_jsonl(tmp_path / part / "metadata.jsonl", rows)
    data = load(tmp_path)
    assert (len(data.train), len(data.test)) == (3, 2)
    assert shown(data) == [(0, "even"), (10, "odd"), (20, "even"), (40, "even"), (50, "odd")]
    with pytest.raises(InputError, match=r"a training and a test part"):
        Images.of(tmp_path)
    assert len(Images.of(tmp_path / "validation")) == 1
    (tmp_path / "test").rename(tmp_path / "more")
    (tmp_path / "more").rename(tmp_path / "train" / "more")
    assert [(len(d.train), len(d.test)) for d in [load(tmp_path)]] == [(5, 1)]


def test_one_table_above_the_splits(tmp_path):
    rows = []
    for part, gray in (("train", 0), ("train", 10), ("train", 20), ("test", 30)):
        picture(tmp_path / part / f"{gray}.png", gray)
        rows.append({"file_name": f"{part}/{gray}.png", "label": gray % 20})
    as_csv(tmp_path / "metadata.csv", [{**row, "label": row["label"] // 10} for row in rows])
    data = load(tmp_path)
    assert (len(data.train), len(data.test)) == (3, 1)
    assert shown(data) == [(0, "0"), (10, "1"), (20, "0"), (30, "1")]
    assert shown(Images.of(tmp_path / "train")) == [(0, "0"), (10, "1"), (20, "0")]


def test_what_has_no_label_is_an_unlabeled_item_of_a_pool(tmp_path):
    animals(tmp_path)
    rows = [{"file_name": file, "label": label if i else ""} for i, (file, label) in enumerate(ANIMALS.items())]
    as_csv(tmp_path / "metadata.csv", rows[:-1])
    pool = Images.of(tmp_path)
    assert shown(pool) == [(0, None), *EXPECTED[1:-1], (80, None)]
    with pytest.raises(InputError, match=r"metadata\.csv: 1 of 8 pictures have no label, first 0\.png: an experiment"):
        load(tmp_path)
    as_csv(tmp_path / "metadata.csv", rows[1:-1])
    assert shown(load(tmp_path, test_fraction=0.34)) == EXPECTED[1:-1]


@pytest.mark.parametrize("gap", ["", None, -1, float("nan"), "-1"])
def test_gaps_among_the_labels_of_json_lines(tmp_path, gap):
    picture(tmp_path / "0.png", 0)
    picture(tmp_path / "1.png", 10)
    as_jsonl(tmp_path / "metadata.jsonl", [{"file_name": "0.png", "label": gap}, {"file_name": "1.png", "label": 1}])
    assert Images.of(tmp_path).labels.tolist() == [-1, 1]


def test_a_column_of_another_name_is_asked_for(tmp_path):
    animals(tmp_path, diagnosis="benign", text="a, b")
    rows = [{"file_name": file, "diagnosis": label, "text": "a, b"} for file, label in ANIMALS.items()]
    as_csv(tmp_path / "metadata.csv", rows)
    with pytest.raises(InputError, match=r"no column called label, labels or class, but diagnosis, text: say which"):
        load(tmp_path)
    assert (Images.of(tmp_path).labels == -1).all()
    assert shown(load(tmp_path, label_column="diagnosis", test_fraction=0.34)) == EXPECTED
    assert shown(Images.of(tmp_path, label_column="diagnosis")) == EXPECTED
    with pytest.raises(InputError, match=r"label_column: .* has no column called 'species'; it has diagnosis, text"):
        Images.of(tmp_path, label_column="species")


def test_captions_beside_class_folders_leave_the_folders_their_classes(tmp_path):
    for i in range(6):
        picture(tmp_path / ("cat", "dog")[i % 2] / f"{i}.png", i)
    as_csv(tmp_path / "metadata.csv", [{"file_name": f"{('cat', 'dog')[i % 2]}/{i}.png", "text": i} for i in range(6)])
    assert load(tmp_path).classes == ("cat", "dog")
    assert Images.of(tmp_path).labels.tolist() == [0, 0, 0, 1, 1, 1]


def test_a_picture_that_is_named_and_not_there(tmp_path):
    animals(tmp_path)
    (tmp_path / "3.png").unlink()
    for read in (load, Images.of):
        with pytest.raises(DataNotFound, match=r"metadata\.csv: 1 of 9 pictures are not there, first .*3\.png: put"):
            read(tmp_path)
    data = load(tmp_path, skip_unreadable=True)
    assert [path.name for path in data.unreadable] == ["3.png"]
    assert shown(Images.of(tmp_path, skip_unreadable=True)) == [pair for pair in EXPECTED if pair[0] != 30]


@pytest.mark.parametrize("name", ["../x.png", "/etc/x.png", "a/../../x.png", ".", "..", "a\0.png"])
def test_a_path_that_leaves_the_folder_is_refused(tmp_path, name):
    picture(tmp_path / "x.png", 0)
    picture(tmp_path / "set" / "0.png", 0)
    as_jsonl(tmp_path / "set" / "metadata.jsonl", [{"file_name": name, "label": 0}])
    with pytest.raises(InputError, match=r"metadata\.jsonl: line 1: .* leads out of the folder"):
        Images.of(tmp_path / "set")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [{"file_name": "0.png", "label": 1}, {"file_name": "./0.png", "label": 1}],
            "line 2: ./0.png is named a second",
        ),
        ([{"file_name": "", "label": 1}], "line 1: names no file: got an empty cell"),
        ([{"label": 1}], "one column called 'file_name'; it has label"),
        ([{"file_name": 3, "label": 1}], "line 1: names no file: got 3"),
        ([{"file_name": "0.png", "label": [1, 2]}], r"line 1: expected one class a picture, got \[1, 2\]"),
        ([{"file_name": "0.png", "label": 0.5}], "0.5 at item 0 is not a whole number"),
        ([{"file_name": "0.png", "label": -7}], "-7: expected classes from 0"),
        ([{"file_name": "0.png", "label": 10**9}], "1000000000 at picture 0 would mean 1,000,000,001 classes"),
        ([{"file_name": "0.png", "label": 1}, {"file_name": "1.png", "label": "cat"}], "'cat' at item 1 is a name"),
        ([7], "line 1: expected an object"),
    ],
)
def test_rows_that_cannot_be(tmp_path, rows, message):
    picture(tmp_path / "0.png", 0)
    picture(tmp_path / "1.png", 0)
    as_jsonl(tmp_path / "metadata.jsonl", rows)
    with pytest.raises(InputError, match=message) as caught:
        Images.of(tmp_path)
    assert "\n" not in str(caught.value)


def test_tables_that_cannot_be(tmp_path):
    animals(tmp_path)
    (tmp_path / "metadata.jsonl").write_text("{}")
    with pytest.raises(InputError, match=r"metadata\.csv and metadata\.jsonl lie beside each other: keep one"):
        Images.of(tmp_path)
    (tmp_path / "metadata.csv").unlink()
    (tmp_path / "metadata.jsonl").write_text("{")
    with pytest.raises(InputError, match=r"metadata\.jsonl: line 1: cannot be read as JSON"):
        Images.of(tmp_path)
    (tmp_path / "metadata.jsonl").unlink()
    (tmp_path / "metadata.csv").write_text("file_name,label\n")
    with pytest.raises(InputError, match=r"metadata\.csv: has no rows"):
        Images.of(tmp_path)
    (tmp_path / "metadata.csv").unlink()
    with pytest.raises(InputError, match=r"label_column: .* has no metadata\.csv whose column 'a' could be read"):
        Images.of(tmp_path, label_column="a")
    with pytest.raises(InputError, match=r"label_column: a folder with metadata or a \.parquet file has"):
        Images.of(np.zeros((1, 8, 8), np.uint8), label_column="a")
    with pytest.raises(InputError, match="label_column: digits has no columns"):
        load("digits", label_column="a")


def test_a_table_about_something_else_is_passed_over(tmp_path):
    for i in range(6):
        picture(tmp_path / ("cat", "dog")[i % 2] / f"{i}.png", i)
    as_csv(tmp_path / "metadata.csv", [{"patient": 1, "age": 30}])
    assert load(tmp_path).classes == ("cat", "dog")
    as_csv(tmp_path / "metadata.csv", [{"filename": "cat/0.png", "label": 1}])
    with pytest.raises(InputError, match=r"expected one column called 'file_name'; it has filename, label"):
        load(tmp_path)


def test_letters_with_marks_are_found_however_a_system_writes_them(tmp_path):
    picture(tmp_path / "Ka\u0308fer.png", 0)  # as macOS writes ä
    picture(tmp_path / "Bär 2.PNG", 10)
    as_csv(tmp_path / "metadata.csv", [{"file_name": "Käfer.png", "label": 0}, {"file_name": "Bär 2.PNG", "label": 1}])
    assert shown(Images.of(tmp_path)) == [(0, "0"), (10, "1")]


def test_a_classifier_trains_on_an_imagefolder(tmp_path):
    pytest.importorskip("torch")
    animals(tmp_path)
    brief = askew.Training(epochs=1)
    model = askew.Classifier(3, backbone="small-convnet", training=brief, device="cpu").fit(tmp_path)
    assert model.predict(tmp_path)["probs"].shape == (9, 3)


@pytest.mark.parametrize("write", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("column", ["target", "category", "fine_label", "y", "ClassName"])
def test_a_column_that_may_hold_labels_is_not_passed_over(tmp_path, write, column):
    name = next(name for name, one in FORMS.items() if one is write)
    for file in ANIMALS:
        picture(tmp_path / file, 9)
    write(tmp_path / name, [{"file_name": file, "width": "12", column: label} for file, label in ANIMALS.items()])
    for read in (Images.of, load):
        with pytest.raises(InputError, match=rf"there is '{column}': pass label_column='{column}'"):
            read(tmp_path)
    assert Images.of(tmp_path, label_column=column).classes == ("cat", "dog", "emu")
    assert set(Images.of(tmp_path, label_column="").labels.tolist()) == {-1}


def test_two_columns_of_labels_are_not_passed_over(tmp_path):
    animals(tmp_path, **{"class": "pet"})
    with pytest.raises(InputError, match=r"several columns are called .* there are label, class: pass label_column="):
        Images.of(tmp_path)


@pytest.mark.parametrize("word", ["unlabeled", "Unlabelled"])
def test_the_word_unlabeled_is_no_class(tmp_path, word):
    for i, file in enumerate(("a.png", "b.png", "c.png")):
        picture(tmp_path / file, i)
    labels = {"a.png": "cat", "b.png": word, "c.png": "dog"}
    as_csv(tmp_path / "metadata.csv", [{"file_name": file, "label": label} for file, label in labels.items()])
    pool = Images.of(tmp_path)
    assert (pool.classes, pool.labels.tolist()) == (("cat", "dog"), [0, -1, 1])
