"""Arrays from files: row i is item i, and whatever would shift rows or has two meanings is refused in one line."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from askew.data.tables import picks_as_text, read_array, read_table, whole_numbers
from askew.errors import DataNotFound, InputError
from askew.selection import Selection

P = np.random.default_rng(0).dirichlet(np.ones(3), 12)


def refused(path: Path, words: str, read=read_array, name: str = "probs") -> None:
    with pytest.raises(InputError, match=words) as caught:
        read(name, path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def read_integers(name: str, path: Path) -> np.ndarray:
    return whole_numbers(name, path, read_array(name, path))


def header(text: str) -> bytes:
    raw = text.encode("latin1")
    return b"\x93NUMPY\x01\x00" + len(raw).to_bytes(2, "little") + raw


GOOD = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }"

ODD_HEADERS = {
    "unfinished brackets": header("{'descr': '<f8', 'fortran_order': False, 'shape': (((("),
    "a string without end": header("{'descr': '<f8, 'fortran_order': False, 'shape': (2,), \\x00'''"),
    "a call": header("__import__('os').system('true')"),
    "an invalid escape": header("{'descr': '\\d', 'fortran_order': False, 'shape': (2,)}"),
    "deep brackets": header("(" * 9000),
    "objects": header(GOOD.replace("<f8", "|O")),
    "fields": header(GOOD.replace("'<f8'", "[('a', '<f8')]")),
    "a huge shape": header(GOOD.replace("(2, 3)", "(1000000000000, 1000000)")),
    "an endless shape": header(GOOD.replace("(2, 3)", f"({'9' * 400},)")),
    "a negative shape": header(GOOD.replace("(2, 3)", "(-2, -3)")),
    "many dimensions": header(GOOD.replace("(2, 3)", f"({'1, ' * 100})")),
    "a long header": b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + b" " * 200,
    "a later version": b"\x93NUMPY\x09\x00" + header(GOOD)[8:],
    "no values": header(GOOD),
    "too many values": header(GOOD) + bytes(56),
    "another format": b"PK\x03\x04" + bytes(100),
}


@pytest.mark.parametrize("case", ODD_HEADERS)
def test_odd_headers_of_npy_are_one_line_without_a_warning(tmp_path: Path, case: str) -> None:
    (tmp_path / "a.npy").write_bytes(ODD_HEADERS[case])
    refused(tmp_path / "a.npy", r"probs: .*a\.npy")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("probs.npy", ODD_HEADERS[case])
    refused(tmp_path / "a.npz", r"probs: .*a\.npz: probs")


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["f2", "<f4", ">f4", "<f8", "i1", ">i8", "u2", "?"])
def test_every_plain_array_reads_as_numpy_reads_it(tmp_path: Path, dtype: str, order: str) -> None:
    array = np.asarray(np.arange(24).reshape(2, 3, 4), dtype=dtype, order=order)
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "a.npz", array)
    np.savez_compressed(tmp_path / "b.npz", probs=array, other=np.ones(2))
    for file in ("a.npy", "a.npz", "b.npz"):
        got = read_array("probs", tmp_path / file)
        assert got.dtype == array.dtype
        assert np.array_equal(got, array)
    assert isinstance(read_array("probs", tmp_path / "a.npy"), np.memmap)


def packed(path: Path, method: int, name: str = "probs.npy") -> bytearray:
    buffer = io.BytesIO()
    np.save(buffer, P)
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr(name, buffer.getvalue())
    return bytearray(path.read_bytes())


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compression_whose_unpacking_has_no_bound_is_refused(tmp_path: Path, method: int) -> None:
    packed(tmp_path / "a.npz", method)
    refused(tmp_path / "a.npz", "is compressed in another way")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_broken_encrypted_and_unknown_compression_are_one_line(tmp_path: Path, method: int) -> None:
    path = tmp_path / "a.npz"
    raw = packed(path, method)
    assert np.array_equal(read_array("probs", path), P)
    central = raw.rindex(b"PK\x01\x02")
    for flags, at, value in ((6, central + 8, 1), (8, central + 10, 97), (6, central + 6, 99)):
        changed = bytearray(raw)
        changed[at] = value  # encrypted; an unknown method; a later version of the format
        changed[flags] = value
        path.write_bytes(changed)
        refused(path, r"a\.npz")
    for place in range(40, len(raw) - 100, 7):
        changed = bytearray(raw)
        changed[place] ^= 0xFF
        path.write_bytes(changed)
        try:
            got = read_array("probs", path)
        except InputError as error:
            assert "\n" not in str(error)  # noqa: PT017
        else:
            assert np.array_equal(got, P), place


def test_an_array_that_unpacks_to_more_than_it_declares_is_not_unpacked(tmp_path: Path) -> None:
    import tracemalloc

    with (
        zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("probs.npy", "w") as member,
    ):
        member.write(header(GOOD))
        for _ in range(60):
            member.write(bytes(1 << 20))
    tracemalloc.start()
    refused(tmp_path / "a.npz", "has more in it than its header says")
    assert tracemalloc.get_traced_memory()[1] < 5e6
    tracemalloc.stop()


def test_names_that_no_file_has_and_what_is_no_plain_file(tmp_path: Path) -> None:
    import os

    refused(tmp_path / ("x" * 300 + ".npy"), "File name too long")
    refused(tmp_path / "a\0b.npy", "cannot be the name of a file")
    (tmp_path / "d.npy").mkdir()
    refused(tmp_path / "d.npy", "is a folder")
    (tmp_path / "loop.npy").symlink_to("loop.npy")
    refused(tmp_path / "loop.npy", "symbolic links")
    (tmp_path / "gone.npy").symlink_to("nowhere")
    with pytest.raises(DataNotFound, match="leads nowhere"):
        read_array("probs", tmp_path / "gone.npy")
    os.mkfifo(tmp_path / "pipe.npy")
    refused(tmp_path / "pipe.npy", "a pipe")


ROWS = "0.5,0.5\n0.25,0.75\n1.0,0.0\n"

READ = {
    "no header": ROWS,
    "pandas' index twice": ",Unnamed: 0,cat,dog\n0,0,0.5,0.5\n1,1,0.25,0.75\n2,2,1.0,0.0\n",
    "names": "cat,dog\n" + ROWS,
    "names behind a #": "# cat,dog\n" + ROWS,
    "names in quotes": '"cat","dog"\n' + ROWS,
    "no newline at the end": ROWS[:-1],
    "blank lines at the end": ROWS + "\n\n",
    "Windows": ROWS.replace("\n", "\r\n"),
    "old Macs": ROWS.replace("\n", "\r"),
    "a byte order mark": "\ufeff" + ROWS,
    "pandas' index": ",cat,dog\n0,0.5,0.5\n1,0.25,0.75\n2,1.0,0.0\n",
    "pandas' index and numbers as names": ",0,1\n0,0.5,0.5\n1,0.25,0.75\n2,1.0,0.0\n",
    "pandas' index, read and written again": "Unnamed: 0,cat,dog\n0,0.5,0.5\n1,0.25,0.75\n2,1.0,0.0\n",
}


@pytest.mark.parametrize("case", READ)
def test_tables_whose_meaning_is_plain_are_read(tmp_path: Path, case: str) -> None:
    (tmp_path / "a.csv").write_bytes(READ[case].encode())
    assert read_array("probs", tmp_path / "a.csv").tolist() == [[0.5, 0.5], [0.25, 0.75], [1.0, 0.0]]


REFUSED = {
    "a row of tabs": ("a\tb\n0.5\t0.5\n\t\n0\t1\n", "line 3 is blank"),
    "numbers as names": ("0,1\n" + ROWS, "line 1, 0,1, may be pandas' names"),
    "a blank line": (ROWS.replace("\n1.0", "\n\n1.0"), "line 3 is blank"),
    "a blank line behind names": ("a,b\n\n" + ROWS, "line 2 is blank"),
    "a comment": (ROWS.replace("1.0", "# 1.0"), "line 3 holds a #"),
    "a remark": (ROWS.replace("0.75", "0.75 # sure"), "line 2 holds a #"),
    "names and numbers": ("id,2,0.5\n1,2,3\n", "line 1 mixes names and numbers, first 'id'"),
    "a slip in the first row": ("0.5,0.5x\n0.25,0.75\n", "mixes names and numbers, first '0.5x'"),
    "an index that does not count": (",a,b\n1,0.5,0.5\n0,0.25,0.75\n", "does not count the rows"),
    "an index of names": (
        ",a,b\nx.jpg,0.5,0.5\ny.jpg,1,0\n",
        "pandas' index, holds words, 'x.jpg' first: pass --ids index",
    ),
    "a column of names": ("file,a,b\nx.jpg,0.5,0.5\ny.jpg,1,0\n", "column 'file' holds words.*pass --ids file"),
    "a column called id": ("ID,a,b\n7,0.5,0.5\n3,1,0\n", "column 'ID' is no number of the model's: pass --ids ID"),
    "a column that counts from 1": ("n,a\n1,0.5\n2,1\n3,1\n", "column 'n' counts the rows: pass --ids n"),
    "a second index in another order": (",Unnamed: 0,a\n0,1,0.5\n1,0,1\n", "does not count the rows"),
    "an index without names": ("0,0.5,0.5\n1,0.25,0.75\n2,1.0,0.0\n", "first column counts the rows"),
    "names alone": ("a,b\n", "no rows"),
    "newlines alone": ("\n\n", "no rows"),
    "a blank line first": ("\n" + ROWS, "line 1 is blank"),
    "too few names": ("a,b\n1,2,3\n4,5,6\n", "names 2 columns, line 2 has 3"),
    "points and commas in numbers": ("a;b\n1.000,5;0,5\n", "its numbers have points and commas: write them with a"),
    "semicolons and another number of cells": ("a;b\n0,5;0,5;1\n", "names 2 columns, line 2 has 3"),
    "semicolons and commas between cells": ("a;b,c\n0,5;0,5\n", "cannot be read as a table"),
    "a cell of two lines": ('a,b\n"1\n2",3\n', "cannot be read as a table|one line must be one row"),
}


GAPS = {
    "a row in the middle": "a,b,c\n0.5,0.5,0\n,,\n0,0,1\n",
    "spaces": "a, b, c\n0.5, 0.5, 0\n , ,\n0, 0, 1\n",
    "quotes": '"a","b","c"\n"0.5","0.5","0"\n"","",""\n"0","0","1"\n',
    "semicolons": "a;b;c\n0,5;0,5;0\n;;\n0;0;1\n",
    "no names": "0.5,0.5,0\n,,\n0,0,1\n",
    "ids": 'a,b,file,c\n0.5,0.5,"x,,""y, ,",0\n,,z,\n0,0,w,1\n',
}


@pytest.mark.parametrize("case", GAPS)
def test_empty_cells_are_nan(tmp_path: Path, case: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(GAPS[case])
    found = read_table("probs", path, ids="file")
    assert np.array_equal(found.values, [[0.5, 0.5, 0], [np.nan] * 3, [0, 0, 1]], equal_nan=True)
    assert found.ids == (['x,,"y, ,', "z", "w"] if case == "ids" else None)


def test_an_empty_cell_anywhere_is_nan_at_its_place(tmp_path: Path) -> None:
    values = np.where(np.random.default_rng(0).random((60, 3)) < 0.4, np.nan, 0.5)
    for between in (",", ";", "\t"):
        rows = [between.join("" if np.isnan(cell) else "0.5" for cell in row) for row in values]
        kept = [i for i, row in enumerate(rows) if row.strip()]
        (tmp_path / "a.csv").write_text("\n".join([between.join("abc"), *(rows[i] for i in kept)]))
        assert np.array_equal(read_array("probs", tmp_path / "a.csv"), values[kept], equal_nan=True)


def test_rows_of_gaps_at_the_start_are_no_names(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(",\n0.5,0.5\n")
    assert np.array_equal(read_array("probs", tmp_path / "a.csv"), [[np.nan] * 2, [0.5, 0.5]], equal_nan=True)


@pytest.mark.parametrize("case", REFUSED)
def test_tables_that_would_shift_rows_or_have_two_meanings_are_refused(tmp_path: Path, case: str) -> None:
    text, words = REFUSED[case]
    (tmp_path / "a.csv").write_text(text)
    refused(tmp_path / "a.csv", words)


@pytest.mark.parametrize("raw", ["0.5,0.5\n".encode("utf-16"), b"\xff\xfe\x00", b"0.5\x00,1\n0.5,1\n", b"a" * 200_000])
def test_csv_of_other_encodings_is_one_line(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(raw)
    refused(tmp_path / "a.csv", r"a\.csv")


def test_labels_in_a_single_column_stay_numbers_even_if_the_first_is_0(tmp_path: Path) -> None:
    (tmp_path / "y.csv").write_text("0\n1\n-1\n")
    assert read_integers("labels", tmp_path / "y.csv").tolist() == [0, 1, -1]
    (tmp_path / "z.csv").write_text("label\n0\n1\n-1\n")
    assert read_integers("labels", tmp_path / "z.csv").tolist() == [0, 1, -1]


@pytest.mark.parametrize("number", ["1e300", "18446744073709551615", "9007199254740993e3", "nan", "-inf"])
def test_numbers_too_large_for_a_class_are_refused(tmp_path: Path, number: str) -> None:
    (tmp_path / "y.csv").write_text(f"0\n{number}\n")
    refused(tmp_path / "y.csv", "at item 1 .* not a whole number", read_integers, "labels")


def parquet(path: Path, **columns: object) -> Path:
    arrow, files = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    files.write_table(arrow.table(columns), path)
    return path


def test_parquet_leaves_out_pandas_index_and_refuses_gaps_and_nests(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    parquet(path, a=[0.5, 0.25], b=[0.5, 0.75], __index_level_0__=[0, 1])
    assert read_array("probs", path).tolist() == [[0.5, 0.5], [0.25, 0.75]]
    refused(parquet(path, a=[0.5, 0.25], b=[0.5, 0.75], __index_level_0__=[1, 0]), "does not count the rows")
    got = read_array("probs", parquet(path, a=[0.5, None, None], b=[None, 2, 3]))
    assert np.array_equal(got, [[0.5, np.nan], [np.nan, 2], [np.nan, 3]], equal_nan=True)
    refused(parquet(path, a=[[0.5], [0.25]]), "column 'a' is not numeric but list")
    refused(parquet(path, a=[{"x": 1}, {"x": 2}]), "column 'a' is not numeric but struct")
    refused(parquet(path, a=["x"]), "column 'a' is not numeric but string")


def test_damaged_parquet_is_one_line(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", a=P[:, 0], b=P[:, 1])
    whole = path.read_bytes()
    for keep in (1, 4, 12, len(whole) // 2, len(whole) - 9, len(whole) - 1):
        path.write_bytes(whole[:keep])
        refused(path, "cannot be read as a Parquet file")


def test_a_column_of_ids_is_kept_apart(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('file,0,1\n"a#,1",0.5,0.5\nb,0.25,0.75\n')
    found = read_table("probs", tmp_path / "a.csv", ids="file")
    assert found.values.tolist() == [[0.5, 0.5], [0.25, 0.75]]
    assert (found.names, found.ids) == (("0", "1"), ["a#,1", "b"])
    for text, words in (
        ("file,a,b\nx,1,2\ny,1,2,3\n", "line 3 does not have the 3 cells of line 1"),
        ("file\nx\ny\n", "has no other column"),
        ("file,file,a\nx,y,1\n", "has 2 columns called 'file'"),
        ("file,a,b\nx,1,dog\n", "column 'b' holds words"),
        ("file,a\nx,1\n#y,1\n", None),
    ):
        (tmp_path / "a.csv").write_text(text)
        with pytest.raises(InputError, match=words or "line 3 holds a #"):
            read_table("probs", tmp_path / "a.csv", ids="file")
    parquet(tmp_path / "a.parquet", a=[0.5, 1.0], __index_level_0__=["x", "y"])
    found = read_table("features", tmp_path / "a.parquet", ids="index")
    assert (found.values.tolist(), found.names, found.ids) == ([0.5, 1.0], ("a",), ["x", "y"])
    refused(tmp_path / "a.parquet", "is not numeric but string: pass --ids index", name="features")


def test_costs_between_classes_have_no_index(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("0,1,2\n1,0,1\n2,1,0\n")
    assert read_array("metric", tmp_path / "m.csv", items=False).tolist() == [[0, 1, 2], [1, 0, 1], [2, 1, 0]]
    refused(tmp_path / "m.csv", "may be pandas' names")


def test_rows_of_an_answer_are_exact_and_plain() -> None:
    scores = np.array([0.1, np.inf], dtype=np.float32)
    rows = Selection(np.array([4, 2]), scores, ids=('e,"1"', "c"), predicted=("x", None)).rows()
    assert picks_as_text(rows, {}, ".csv") == b'rank,item,id,score,predicted\n1,4,"e,""1""",0.1,x\n2,2,c,inf,\n'
    record = json.loads(picks_as_text(rows, {"n": 2}, ".json"), parse_constant=pytest.fail)
    assert record["items"] == [4, 2]
    assert record["picks"][1] == {"rank": 2, "item": 2, "id": "c", "score": None, "predicted": None}
    assert np.load(io.BytesIO(picks_as_text(rows, {}, ".npy"))).tolist() == [4, 2]


EUROPEAN = {
    "semicolons": "cat;dog\n0.5;0.5\n0.25;0.75\n1;0\n",
    "semicolons and decimal commas": "cat;dog\n0,5;0,5\n0,25;0,75\n1;0\n",
    "decimal commas without names": "0,5;0,5\n0,25;0,75\n1;0\n",
    "tabs": "cat\tdog\n0.5\t0.5\n2.5e-1\t0.75\n1\t0\n",
    "tabs and decimal commas": "cat\tdog\n,5\t0,5\n2,5E-1\t0,75\n1\t0\n",
    "a mark of the order of bytes": "\ufeffcat,dog\n0.5,0.5\n0.25,0.75\n1,0\n",
    "a mark, semicolons, quotes and Windows' line ends": '\ufeff"cat";"dog"\r\n0,5;0,5\r\n0,25;0,75\r\n1;0\r\n',
    "quoted names with commas": '"cat, black";dog\n0,5;0,5\n0,25;0,75\n1;0\n',
    "an index of pandas": ";cat;dog\n0;0,5;0,5\n1;0,25;0,75\n2;1;0\n",
    "line ends of old Macs": "cat,dog\r0.5,0.5\r0.25,0.75\r1,0\r",
    "quoted numbers": '"cat","dog"\n"0.5","0.5"\n"0.25",0.75\n1,0',
    "spaces and blank lines at the end": "cat, dog\n0.5, 0.5\n 0.25,0.75 \n1,0\n\n\n",
}


@pytest.mark.parametrize("case", EUROPEAN)
def test_tables_of_other_programs_are_read(tmp_path: Path, case: str) -> None:
    (tmp_path / "a.csv").write_bytes(EUROPEAN[case].encode())
    assert read_array("probs", tmp_path / "a.csv").tolist() == [[0.5, 0.5], [0.25, 0.75], [1, 0]]


def test_ids_beside_decimal_commas(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("file;cat;dog\na,1.jpg;0,5;0,5\nb.jpg;0,25;0,75\n")
    table = read_table("probs", tmp_path / "a.csv", ids="file")
    assert (table.ids, table.names) == (["a,1.jpg", "b.jpg"], ("cat", "dog"))
    assert table.values.tolist() == [[0.5, 0.5], [0.25, 0.75]]
