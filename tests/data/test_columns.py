"""Columns of words: which cells are a column, what is a gap, and which class a name is."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from askew.data.columns import USUAL, begins_with_label, column, read_words
from askew.errors import InputError
from askew.names import check_ids, class_codes


def cells(path: Path, text: str, wanted: str | None = None, **how: object) -> list[str]:
    path.write_text(text)
    is_row = begins_with_label(how.pop("classes", None), "labels")  # type: ignore[arg-type]
    return column(read_words("labels", path), wanted, **{"n_items": 3, "usual": USUAL, "is_row": is_row, **how})[0]


WANT = ["cat", "", "dog"]

READ = {
    "no header": ("cat\n\ndog\n", {}),
    "a header": ("animal\ncat\n\ndog\n", {}),
    "an empty cell as pandas and csv write it": ('animal\ncat\n""\ndog\n', {}),
    "blank lines beyond the items": ("label\ncat\n\ndog\n\n\n", {}),
    "a blank label at the end": ("label\ncat\n\n", {"wanted": "label", "n_items": 2}),
    "a header without other arrays": ("label\ncat\n\ndog\n", {"n_items": None}),
    "a header that is no class": ("animal\ncat\n\ndog\n", {"n_items": None, "classes": ("cat", "dog")}),
    "a first row that is a class": ("cat\n\ndog\n", {"n_items": None, "classes": ("cat", "dog")}),
    "pandas' index": (",animal\n0,cat\n1,\n2,dog\n", {}),
    "pandas' index as ids": (",animal\n8,cat\n1,\n2,dog\n", {"ids": "index"}),
    "the usual name": ("file,label,size\na,cat,1\nb,,1\nc,dog,1\n", {}),
    "a column by its name": ("file,animal,size\na,cat,1\nb,,1\nc,dog,1\n", {"wanted": "animal"}),
    "what the ids leave": ("file,animal\na,cat\nb,\nc,dog\n", {"ids": "file"}),
    "a blank label at the end below the usual name": ("label\ncat\n\n", {"n_items": 2}),
    "semicolons": ("file;label\na,1;cat\nb;\nc;dog\n", {}),
    "tabs": ("file\tlabel\na\tcat\nb\t\nc\tdog\n", {}),
    "a mark and Windows' line ends": ("\ufefflabel\r\ncat\r\n\r\ndog\r\n", {}),
    "commas in quotes and spaces around": ('file,label\n"a,1", cat \nb,\nc,dog\n', {}),
}


@pytest.mark.parametrize("case", READ)
def test_the_column_is_found(tmp_path: Path, case: str) -> None:
    text, how = READ[case]
    assert cells(tmp_path / "y.csv", text, **how) == WANT[: how.get("n_items") or 3]


REFUSED = {
    "no other array": ("animal\ncat\ndog\n", {"n_items": None}, "line 1, 'animal', may be a class or the name"),
    "a blank line at the end": ("0\n1\n\n", {"n_items": None}, "the last line is blank"),
    "a header or a blank label": ("cat\n\ndog\n\n", {}, "the last line is blank"),
    "too few": ("cat\n", {}, "has 1 rows, the other arrays have 3 items"),
    "several columns": ("file,animal\na,cat\nb,\nc,dog\n", {}, "has the columns file, animal: name one"),
    "no names": ("a,cat\nb,\nc,dog\n", {}, "line 1 is a, cat: name the column"),
    "another name": (
        "file,label\na,cat\nb,\nc,dog\n",
        {"wanted": "class"},
        "has no column 'class'; it has file, label",
    ),
    "a name twice": ("label,label\na,cat\nb,\nc,dog\n", {}, "has 2 columns called 'label'"),
    "an index in another order": (",animal\n8,cat\n1,\n2,dog\n", {}, "pass --ids index"),
    "ragged": ("file,label\na,cat\nb\nc,dog\n", {}, "row 3 has 1 cells, the first has 2"),
    "nothing": ("\n", {}, "has no rows"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_has_two_meanings_is_refused(tmp_path: Path, case: str) -> None:
    text, how, words = REFUSED[case]
    with pytest.raises(InputError, match=words):
        cells(tmp_path / "y.csv", text, **how)


def test_a_text_file_has_no_header_and_a_line_too_many_is_refused(tmp_path: Path) -> None:
    assert cells(tmp_path / "y.txt", "a.jpg\nb,1.jpg\nc.jpg\n\n") == ["a.jpg", "b,1.jpg", "c.jpg"]
    with pytest.raises(InputError, match="has 4 rows, the other arrays have 3 items"):
        cells(tmp_path / "y.txt", "x.jpg\na.jpg\nb.jpg\nc.jpg\n")


@pytest.mark.parametrize(
    ("given", "classes", "codes", "names"),
    [
        (["dog", "", "cat", "-1", "dog"], None, [1, -1, 0, -1, 1], ("cat", "dog")),
        (["dog", "nan", "cat"], ("dog", "cat"), [0, -1, 1], ("dog", "cat")),
        (["1", "null", "0.0", "NaN", "<NA>"], None, [1, -1, 0, -1, -1], None),
        (["1", "", "0"], ("dog", "cat"), [1, -1, 0], None),
        (["0", "1", ""], ("0", "1"), [0, 1, -1], ("0", "1")),
        (["1", "2"], ("1", "2"), [0, 1], ("1", "2")),
        (["1", "1"], ("1", "2"), [0, 0], ("1", "2")),
        (["0", "1.0", "-1"], ("1", "0"), [1, 0, -1], ("1", "0")),
        (["-1", "1", ""], ("-1", "1"), [0, 1, -1], ("-1", "1")),
        (["7", "3", ""], ("3", "7"), [1, 0, -1], ("3", "7")),
        (["None", "cat", ""], ("None", "cat"), [0, 1, -1], ("None", "cat")),
        (["", ""], None, [-1, -1], None),
    ],
)
def test_names_and_numbers_become_classes(
    given: list[str], classes: tuple[str, ...] | None, codes: list[int], names: tuple[str, ...] | None
) -> None:
    got, found = class_codes("labels", given, classes)
    assert (got.tolist(), found) == (codes, names)


@pytest.mark.parametrize(
    ("given", "classes", "words"),
    [
        (["dog", "3"], None, "'dog' at item 0 is a name, '3' at item 1 a number"),
        (["dog", "emu"], ("cat", "dog"), "'emu' at item 1 is none of the 2 classes: cat, dog"),
        (["1", "2"], ("cat", "dog"), "'1' at item 0 is none of the 2 classes"),
        (["0", "1"], ("1", "2"), "'0' at item 0 is none of the 2 classes: 1, 2"),
        (["0", "0.5"], None, "0.5 at item 1 is not a whole number"),
        (["0", "inf"], None, "inf at item 1 is not a whole number"),
    ],
)
def test_labels_that_are_no_class_or_two_are_refused(
    given: list[str], classes: tuple[str, ...] | None, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        class_codes("labels", given, classes)


def test_ids_tell_the_items_apart() -> None:
    check_ids(["a", "b"], 2)
    for ids, words in (
        (["a"], "there are 1"),
        (["a", ""], "empty at item 1"),
        (["a", "b\nc"], "several lines at item 1"),
        (["a", "a"], "items 0 and 1"),
    ):
        with pytest.raises(InputError, match=words):
            check_ids(ids, 2)


def test_words_of_arrays_and_of_parquet(tmp_path: Path) -> None:
    for array in (np.array(["cat", "", "dog"]), np.array([b"cat", b"", b"dog"])):
        np.save(tmp_path / "y.npy", array)
        np.savez(tmp_path / "y.npz", labels=array, other=np.ones(2))
        for file in ("y.npy", "y.npz"):
            assert column(read_words("labels", tmp_path / file), None, n_items=3)[0] == WANT
    arrow, files = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = arrow.table({"label": ["cat", None, "dog"], "__index_level_0__": ["a", "b", "c"]})
    files.write_table(table, tmp_path / "y.parquet")
    got = column(read_words("labels", tmp_path / "y.parquet"), None, n_items=3, ids="index")
    assert got == (WANT, ["a", "b", "c"])


CELLS = st.text("ab ,;\t\"'é-1", max_size=4)


@given(st.integers(1, 3).flatmap(lambda width: st.lists(st.tuples(*[CELLS] * width), min_size=1, max_size=6)))
def test_every_table_is_read_as_the_csv_module_reads_it(rows: list[tuple[str, ...]]) -> None:
    """The first row has names of one letter, so that commas are what stands between the cells."""
    rows = [tuple("abc"[: len(rows[0])]), *rows]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "y.csv")
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
        found = read_words("labels", path)
    assert list(zip(*found.columns, strict=True)) == [tuple(cell.strip() for cell in row) for row in rows]
    assert found.n_filled == len(rows)


def slow_codes(cells: list[str], classes: tuple[str, ...] | None) -> tuple[list[int], tuple[str, ...] | None]:
    """Reads labels one by one."""
    gaps = {"", "-1", "nan", "NA", "null", "None"} - set(classes or ())
    filled = [cell for cell in cells if cell not in gaps]
    names = classes or tuple(sorted(set(filled)))
    if all(cell.isdigit() for cell in filled) and (not classes or not set(filled) <= set(classes)):
        return [-1 if cell in gaps else int(cell) for cell in cells], None
    return [-1 if cell in gaps else names.index(cell) for cell in cells], names


@given(
    st.lists(st.sampled_from(["cat", "dog", "emu", "", "NA", "-1", "None"]))
    | st.lists(st.sampled_from("01 2".split())),
    st.sampled_from([None, ("emu", "cat", "dog"), ("None", "dog", "emu", "cat")]),
)
def test_codes_are_what_a_reader_one_by_one_finds(cells: list[str], classes: tuple[str, ...] | None) -> None:
    codes, names = class_codes("labels", cells, classes)
    want, want_names = slow_codes(cells, classes)
    assert codes.tolist() == want
    if any(code >= 0 for code in want):
        assert names == want_names
