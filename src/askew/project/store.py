"""`Store`: the database of a project, SQLite in its folder or PostgreSQL by URL, read and written in transactions.

    with store.write() as connection:   # one writer at a time; committed, and on the disk, when the block has ended
        connection.execute(...)

SQLite has a write-ahead log, foreign keys and full synchronisation; a write begins with `BEGIN IMMEDIATE`, so that no
two writers read the same and then both write. In PostgreSQL an advisory lock does the same.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import urllib.parse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from importlib import resources
from pathlib import Path
from typing import Any

from askew.data.reading import plain_file
from askew.errors import InputError, MissingExtra, one_line

try:
    import sqlalchemy as sa
    from sqlalchemy.engine import Connection, Engine, make_url
    from sqlalchemy.pool import QueuePool
except ImportError as error:
    raise MissingExtra("a project", "label") from error

from askew.project import schema

BUSY_SECONDS = 30.0
"""How long a writer of another process is waited for."""

LOCK = 0x61736B6577
"""The number of PostgreSQL's advisory lock: "askew"."""

LONGEST_NAME = 200

_MAGIC = b"SQLite format 3\0"


@dataclass(frozen=True, eq=False)
class Store:
    """The database of a project.

    Attributes:
        url: `sqlite:////folder/store.sqlite` or `postgresql+psycopg://…`.
        engine: SQLAlchemy's.
    """

    url: str
    engine: Engine
    _turn: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _writer: Engine = field(init=False, repr=False)
    _noter: Engine = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_writer", self.engine.execution_options(askew_writes="FULL"))
        object.__setattr__(self, "_noter", self.engine.execution_options(askew_writes="NORMAL"))

    @classmethod
    def create(cls, url: str, classes: Sequence[str]) -> Store:
        """Makes a new store; it is there whole, with its classes, or not at all.

        Raises:
            InputError: there is one already, a name that no class can have, or the database cannot be written.
        """
        names = checked_classes(classes)
        parsed = _parsed(url)
        if parsed.drivername == "sqlite" and Path(parsed.database or "").exists():
            raise InputError(f"store: {shown(url)}: is there already: choose another, or take it away")
        store = cls(url, _engine(parsed, "rwc"))
        try:
            with store.write() as connection:
                if sa.inspect(connection).has_table("alembic_version"):
                    raise InputError(f"store: {shown(url)}: holds a project already: choose another database")
                _migrate(connection, MIGRATIONS)
                rows = [{"name": name, "position": i} for i, name in enumerate(names)]
                if rows:
                    connection.execute(schema.classes.insert(), rows)
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def open(cls, url: str) -> Store:
        """Returns a store that is there; one of an older askew is brought to the present tables.

        Raises:
            DataNotFound: there is none.
            InputError: it is damaged, of a newer askew, or no store.
        """
        parsed = _parsed(url)
        if parsed.drivername == "sqlite":
            _check_header(Path(parsed.database or ""))
        store = cls(url, _engine(parsed, "rw"))
        try:
            version = store._version()
            if version != schema.VERSION:
                store._upgrade(version, MIGRATIONS)
        except BaseException:
            store.close()
            raise
        return store

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """Gives a connection in a transaction that sees one state of the store.

        Raises:
            InputError: the database refuses, or is damaged.
        """
        with self._telling(), self.engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def write(self, *, durable: bool = True) -> Iterator[Connection]:
        """Gives a connection in the only transaction that writes; it is committed before the block's end returns.

        An error in the block takes back all of it.

        Args:
            durable: wait until it is on the disk. Without it a power cut, and nothing else, may take the newest writes
                back, which is quicker.

        Raises:
            InputError: the database refuses, is full, damaged, or locked by another process.
        """
        engine = self._writer if durable else self._noter
        with self._telling(), self._turn, engine.begin() as connection:
            if self.engine.dialect.name == "postgresql":
                connection.execute(_LOCK, {"lock": LOCK})
                if not durable:
                    connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
            yield connection

    def check(self) -> None:
        """Reads the whole store and checks that it is sound.

        Raises:
            InputError: it is damaged.
        """
        if self.engine.dialect.name != "sqlite":
            self._version()
            return
        with self.read() as connection:
            found = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar()
            if found != "ok":
                raise InputError(f"store: {shown(self.url)}: is damaged: {one_line(found)}: take a copy of yours")
            strays = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
            if strays:
                raise InputError(f"store: {shown(self.url)}: is damaged: {len(strays)} rows belong to nothing")

    def close(self) -> None:
        """Closes all connections."""
        self.engine.dispose()

    def _version(self) -> str:
        with self.read() as connection:
            if not sa.inspect(connection).has_table("alembic_version"):
                raise InputError(f"store: {shown(self.url)}: holds no project of askew")
            return str(connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar())

    def _upgrade(self, version: str, migrations: Path) -> None:
        with self.write() as connection:
            if version not in _known(migrations):
                raise InputError(
                    f"store: {shown(self.url)}: is of version {one_line(version, 40)}, which this askew does not know "
                    f"(it knows {schema.VERSION}): install a newer askew"
                )
            _migrate(connection, migrations)

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.DBAPIError as error:
            raise InputError(f"store: {shown(self.url)}: {one_line(error.orig)}") from error


def class_names(store: Store) -> tuple[str, ...]:
    """Returns the names of the classes in order."""
    return tuple(class_ids(store))


def class_ids(store: Store) -> dict[str, int]:
    """Returns the number that each class has in the store, by name, in order."""
    with store.read() as connection:
        return ids_of_classes(connection)


def ids_of_classes(connection: Connection) -> dict[str, int]:
    """Returns what `class_ids` does, within a transaction."""
    return {row.name: row.id for row in connection.execute(_CLASSES)}


def add_class(store: Store, name: str) -> int:
    """Adds a class behind the others and returns its number; one that is there stays as it is.

    Raises:
        InputError: a name that no class can have.
    """
    (name,) = checked_classes([name])
    with store.write() as connection:
        known = ids_of_classes(connection)
        if name in known:
            return known[name]
        row = {"name": name, "position": len(known)}
        return int(connection.execute(schema.classes.insert().returning(schema.classes.c.id), row).scalar_one())


def checked_classes(names: Sequence[str]) -> tuple[str, ...]:
    """Returns names of classes without the space around them.

    >>> checked_classes([" heron", "gull"])
    ('heron', 'gull')

    Raises:
        InputError: one is empty, too long, twice there, or has characters that cannot be shown.
    """
    found = tuple(checked_text("classes", name) for name in names)
    for i, name in enumerate(found):
        if not name:
            raise InputError(f"classes: the name of class {i + 1} is empty")
        if name in found[:i]:
            raise InputError(f"classes: {one_line(repr(name), 60)} is there twice")
    return found


def checked_text(what: str, text: object) -> str:
    """Returns a short text of a person without the space around it.

    Raises:
        InputError: it is no text, longer than 200 characters, or has characters that cannot be shown.
    """
    if not isinstance(text, str):
        raise InputError(f"{what}: expected text, got {one_line(repr(text), 60)}")
    text = text.strip()
    if len(text) > LONGEST_NAME:
        raise InputError(f"{what}: {one_line(text, 60)!r} has {len(text)} characters: at most {LONGEST_NAME}")
    if not text.isprintable():
        raise InputError(f"{what}: {one_line(text, 60)!r} has characters that cannot be shown: take them out")
    return text


def present(now: datetime | None = None) -> str:
    """Returns a time (now) as the store keeps it: UTC in ISO 8601, which sorts as text.

    >>> present(datetime(2026, 5, 4, 3, 2, 1, tzinfo=timezone.utc))
    '2026-05-04T03:02:01.000000+00:00'
    """
    return (now or datetime.now(timezone.utc)).astimezone(timezone.utc).isoformat(timespec="microseconds")


def shown(url: str) -> str:
    """Returns a URL for messages: of SQLite the path, else without the password."""
    with contextlib.suppress(sa.exc.ArgumentError):
        parsed = make_url(url)
        return one_line(parsed.database if parsed.drivername == "sqlite" else parsed.render_as_string())
    return "its URL"


def sqlite_url(path: Path) -> str:
    """Returns the URL of a file of SQLite."""
    return sa.URL.create("sqlite", database=str(path)).render_as_string()


_LOCK = sa.text("SELECT pg_advisory_xact_lock(:lock)")
_CLASSES = sa.select(schema.classes.c.name, schema.classes.c.id).order_by(schema.classes.c.position)

MIGRATIONS = Path(str(resources.files("askew.project"))) / "migrations"


def _parsed(url: str) -> sa.URL:
    try:
        parsed = make_url(url)
    except sa.exc.ArgumentError as error:
        raise InputError("store: is no URL: expected postgresql://USER@HOST/DATABASE, or leave it out") from error
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in ("sqlite", "postgresql+psycopg") or not parsed.database:
        raise InputError(
            f"store: {shown(url)}: expected postgresql://USER@HOST/DATABASE or sqlite:///FILE, got {parsed.drivername}"
        )
    return parsed


def _engine(parsed: sa.URL, mode: str) -> Engine:
    if parsed.drivername == "sqlite":
        return _sqlite(Path(parsed.database or "").absolute(), mode)
    try:
        return sa.create_engine(parsed, pool_size=20, max_overflow=30, pool_pre_ping=True)
    except ImportError as error:
        raise MissingExtra("a store in PostgreSQL", "postgres") from error


def _sqlite(path: Path, mode: str) -> Engine:
    name = f"file:{urllib.parse.quote(str(path))}?mode={mode}"

    def connect() -> sqlite3.Connection:
        made = sqlite3.connect(name, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            for setting in ("journal_mode = WAL", "foreign_keys = ON", "synchronous = FULL"):
                made.execute(f"PRAGMA {setting}")
        except UnicodeDecodeError as error:  # what SQLite says of damaged names of tables
            made.close()
            raise sqlite3.DatabaseError(f"malformed: {error.reason}") from error
        return made

    engine = sa.create_engine(
        "sqlite://", creator=connect, poolclass=QueuePool, pool_size=20, max_overflow=60, pool_timeout=BUSY_SECONDS
    )

    @sa.event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("askew_writes")
        if writes:
            connection.exec_driver_sql(f"PRAGMA synchronous = {writes}")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _check_header(path: Path) -> None:
    plain_file(path, f"store: {one_line(path)}")
    try:
        with path.open("rb") as stream:
            begin = stream.read(len(_MAGIC))
    except OSError as error:
        raise InputError(f"store: {one_line(path)}: cannot be read: {error.strerror}") from error
    if begin != _MAGIC:
        raise InputError(f"store: {one_line(path)}: is no store of askew, or a damaged one: take a copy of yours")


def _alembic(migrations: Path) -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _known(migrations: Path) -> set[str]:
    from alembic.script import ScriptDirectory

    return {one.revision for one in ScriptDirectory.from_config(_alembic(migrations)).walk_revisions()}


def _migrate(connection: Connection, migrations: Path) -> None:
    from alembic import command

    config = _alembic(migrations)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
