"""The store is made whole, refuses what is no store, and its tables are those that the code knows."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from askew.errors import DataNotFound, InputError
from askew.project import labels, questions, schema
from askew.project.store import (
    MIGRATIONS,
    Store,
    _alembic,
    add_class,
    class_names,
    sqlite_url,
)


def test_the_migrations_make_the_tables_that_the_code_knows(store: Store) -> None:
    with store.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.METADATA) == []
        inspector = sa.inspect(connection)
        for table in schema.METADATA.sorted_tables:
            made = {one["name"] for one in inspector.get_check_constraints(table.name)}
            wanted = {c.name for c in table.constraints if isinstance(c, sa.CheckConstraint)}
            assert made == wanted


def test_the_version_is_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(_alembic(MIGRATIONS)).get_heads() == [schema.VERSION]


def test_sqlite_is_set_as_promised(store: Store) -> None:
    with store.read() as connection:
        told = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "foreign_keys", "synchronous")
        ]
    assert told == ["wal", 1, 2]
    with pytest.raises(InputError, match="FOREIGN KEY"), store.write() as connection:
        connection.execute(schema.skips.insert(), {"question_id": 99, "who": "ann", "at": "now"})


@pytest.mark.parametrize("durable", [True, False])
def test_only_what_may_be_lost_is_not_waited_for(any_store: Store, durable: bool) -> None:
    for one in (durable, not durable, durable):
        with any_store.write(durable=one) as connection:
            if connection.dialect.name == "sqlite":
                assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == (2 if one else 1)
            else:
                assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == ("on" if one else "off")


def test_an_error_in_a_write_takes_all_of_it_back(store: Store) -> None:
    def fail() -> None:
        with store.write() as connection:
            connection.execute(schema.classes.insert(), {"name": "crow", "position": 3})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert class_names(store) == ("heron", "gull", "tern")


def test_classes_are_only_added(store: Store) -> None:
    assert add_class(store, " ibis ") == 4
    assert add_class(store, "gull") == 2
    assert class_names(store) == ("heron", "gull", "tern", "ibis")
    for bad in ("", "two\nlines", "x" * 201, "nul\0", "\udcff"):
        with pytest.raises(InputError, match="classes"):
            add_class(store, bad)


@pytest.mark.parametrize("name", ["=1+1", "<script>alert(1)</script>", "'; DROP TABLE labels; --", "Möwe 🐦"])
def test_a_class_may_be_called_anything_that_can_be_shown(store: Store, name: str) -> None:
    add_class(store, name)
    assert class_names(store)[-1] == name


def test_a_name_with_odd_letters_is_no_hurdle(tmp_path: Path) -> None:
    path = tmp_path / "a?b%20#ü;&.sqlite"
    Store.create(sqlite_url(path), ["a"]).close()
    assert path.is_file()
    store = Store.open(sqlite_url(path))
    assert class_names(store) == ("a",)
    store.close()


def test_what_is_there_is_not_made_anew(tmp_path: Path, store: Store) -> None:
    with pytest.raises(InputError, match="is there already"):
        Store.create(store.url, ["a"])


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    with pytest.raises(DataNotFound, match="no such file"):
        Store.open(sqlite_url(path))
    assert not path.exists()
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(InputError, match="no store of askew"):
        Store.open(sqlite_url(path))
    path.unlink()
    sqlite3.connect(path).executescript("CREATE TABLE x(y);").connection.close()
    with pytest.raises(InputError, match="holds no project"):
        Store.open(sqlite_url(path))
    for url in ("mysql://a/b", "nonsense", "postgresql://"):
        with pytest.raises(InputError, match="store"):
            Store.open(url)


def test_a_password_is_not_told() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(InputError) as caught:
        Store.open("postgresql://ann:secret@127.0.0.1:1/birds")
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_store_of_a_newer_askew_is_refused_and_left_as_it_is(store: Store) -> None:
    with store.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(InputError, match=r"version 9999.*install a newer askew"):
        Store.open(store.url)
    with store.read() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == "9999"


def _opened_and_checked(url: str) -> None:
    damaged = Store.open(url)
    try:
        damaged.check()
    finally:
        damaged.close()


def test_check_finds_damage(tmp_path: Path, store: Store) -> None:
    store.check()
    store.close()
    path = tmp_path / "store.sqlite"
    raw = bytearray(path.read_bytes())
    raw[4096 * 3 :] = b"\xa5" * (len(raw) - 4096 * 3)
    path.write_bytes(raw)
    with pytest.raises(InputError) as caught:
        _opened_and_checked(store.url)
    assert "store.sqlite" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_name_of_a_table_that_is_no_text_is_damage(tmp_path: Path, store: Store) -> None:
    store.close()
    path = tmp_path / "store.sqlite"
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"alembic_version")] = 0xFF  # sqlite3 raises UnicodeDecodeError as it says so
    path.write_bytes(raw)
    with pytest.raises(InputError, match=r"store\.sqlite: malformed") as caught:
        _opened_and_checked(store.url)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == raw


def test_a_store_of_an_older_askew_is_brought_to_the_present(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    from askew.project import store as module

    later = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, later)
    (later / "versions" / "v9999_more.py").write_text(
        f"import sqlalchemy as sa\nfrom alembic import op\nrevision = '9999'\ndown_revision = '{schema.VERSION}'\n\n"
        "def upgrade():\n    op.add_column('items', sa.Column('more', sa.Text))\n"
    )
    monkeypatch.setattr(module, "MIGRATIONS", later)
    monkeypatch.setattr(schema, "VERSION", "9999")
    upgraded = Store.open(store.url)
    with upgraded.read() as connection:
        assert "more" in {one["name"] for one in sa.inspect(connection).get_columns("items")}
    upgraded.close()


def test_a_store_of_the_first_version_keeps_what_it_holds(tmp_path: Path) -> None:
    file = tmp_path / "store.sqlite"
    with contextlib.closing(sqlite3.connect(file)) as old:
        old.executescript((Path(__file__).parent / "store_0001.sql").read_text())
    for _ in range(2):  # the second finds it at the present version
        store = Store.open(sqlite_url(file))
        store.check()
        assert [(row.item_id, row.class_name, row.key) for row in labels.history(store)] == [
            (1, "gull", "key-0001"),
            (2, None, None),
        ]
        assert [(one.item_id, one.guess) for one in questions.all_questions(store)] == [(1, "gull")]
        with store.read() as connection:
            (bad,) = connection.execute(schema.unreadable.select()).all()
            assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() == schema.VERSION
        assert (bad.path, bad.size, bad.mtime_ns) == ("/photos/3.png", None, None)
        store.close()


def test_the_second_version_is_the_first_with_two_columns_in_either_database(any_store: Store) -> None:
    with any_store.write() as connection:
        for name in ("size", "mtime_ns"):
            connection.exec_driver_sql(f"ALTER TABLE unreadable DROP COLUMN {name}")
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    url = any_store.url
    any_store.close()
    store = Store.open(url)
    with store.read() as connection:
        assert {one["name"] for one in sa.inspect(connection).get_columns("unreadable")} == set(
            schema.unreadable.c.keys()
        )
    store.close()
