"""Where benchmarks work, how they connect, and the databases of chat messages."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

import data
import kalamdb

# Rows of one append that is meant to stay in the hot tier.
HOT_APPEND_ROWS = 10_000

KALAM_COLUMNS = """
    id BIGINT PRIMARY KEY, user_id BIGINT NOT NULL, role TEXT NOT NULL, content TEXT NOT NULL,
    score DOUBLE, created_at TIMESTAMP
"""
# The page cache and synchronous level are set as each connection opens.
SQLITE_TABLE = """
    CREATE TABLE messages (
        id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL, role TEXT NOT NULL,
        content TEXT NOT NULL, score REAL, created_at INTEGER);
    CREATE INDEX messages_of_user ON messages (user_id, id);
"""
DUCKDB_TABLE = f"CREATE TABLE messages ({KALAM_COLUMNS})"


@dataclass(frozen=True)
class Work:
    """Where a benchmark works, and on how many rows."""

    folder: Path
    rows: int

    def messages(self) -> pa.Table:
        return data.messages(self.folder, self.rows)

    def store(self, name: str) -> Path:
        """A store for reading; it exists, since the case names it in `needs`."""
        return self.folder / name

    @contextmanager
    def copy(self, name: str) -> Iterator[Path]:
        """A copy of a store for writing."""
        with self.scratch() as target:
            shutil.copytree(self.folder / name, target, dirs_exist_ok=True)
            yield target

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """An empty folder."""
        target = self.folder / "scratch"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        try:
            yield target
        finally:
            shutil.rmtree(target, ignore_errors=True)


def connect_kalam(store: Path, durability: str = "full") -> kalamdb.Connection:
    return kalamdb.connect(store / "db", config={"durability": durability})


def connect_sqlite(store: Path, synchronous: str = "FULL") -> sqlite3.Connection:
    """In autocommit, with the write-ahead log and as large a cache as KalamDB's."""
    con = sqlite3.connect(store / "db", isolation_level=None, check_same_thread=False)
    con.execute("PRAGMA journal_mode = WAL")
    con.execute(f"PRAGMA synchronous = {synchronous}")
    con.execute("PRAGMA cache_size = -262144")
    return con


def connect_duckdb(store: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(store / "db"))


def segments(store: Path) -> list[str]:
    """The Parquet files of a KalamDB store."""
    return sorted(str(file) for file in store.rglob("*.parquet"))


def disk_bytes(store: Path) -> int:
    return sum(file.stat().st_size for file in store.rglob("*") if file.is_file())


def create_kalam(con: kalamdb.Connection, kind: str = "SHARED") -> None:
    con.execute(f"CREATE NAMESPACE chat; CREATE {kind} TABLE chat.messages ({KALAM_COLUMNS})")


def append_hot(con: kalamdb.Connection, messages: pa.Table) -> None:
    for start in range(0, messages.num_rows, HOT_APPEND_ROWS):
        con.append("chat.messages", messages.slice(start, HOT_APPEND_ROWS))


def build_kalam_hot(work: Work, store: Path) -> None:
    con = connect_kalam(store, "normal")
    create_kalam(con)
    append_hot(con, work.messages())
    con.close()
    if segments(store):
        raise RuntimeError("the hot store has segments: its rows are not all in the hot tier")


def build_kalam_cold(work: Work, store: Path) -> None:
    con = connect_kalam(store, "normal")
    create_kalam(con)
    con.append("chat.messages", work.messages())
    con.execute("STORAGE FLUSH TABLE chat.messages")
    con.close()
    if not segments(store):
        raise RuntimeError("the cold store has no segment")


def build_kalam_mixed(work: Work, store: Path) -> None:
    """95 % of the rows in segments, 5 % hot, then 5 % of all deleted."""
    messages = work.messages()
    cold = messages.num_rows * 95 // 100
    con = connect_kalam(store, "normal")
    create_kalam(con)
    con.append("chat.messages", messages.slice(0, cold))
    con.execute("STORAGE FLUSH TABLE chat.messages")
    append_hot(con, messages.slice(cold))
    con.execute("DELETE FROM chat.messages WHERE id % 20 = 7")
    con.close()


def append_users(con: kalamdb.Connection, messages: pa.Table) -> None:
    """Each user's rows through the user's own session."""
    by_user = messages.sort_by([("user_id", "ascending"), ("id", "ascending")])
    users = by_user["user_id"].to_numpy()
    start = 0
    for end in [*(i for i in range(1, len(users)) if users[i] != users[i - 1]), len(users)]:
        session = con.as_user(f"user-{users[start]}")
        session.append("chat.messages", by_user.slice(start, end - start))
        start = end


def build_kalam_users(work: Work, store: Path, cold_share: float) -> None:
    messages = work.messages()
    cold = int(messages.num_rows * cold_share)
    con = connect_kalam(store, "normal")
    create_kalam(con, "USER")
    if cold:
        append_users(con, messages.slice(0, cold))
        con.execute("STORAGE FLUSH TABLE chat.messages")
    if cold < messages.num_rows:
        append_users(con, messages.slice(cold))
    con.close()


def build_sqlite(work: Work, store: Path) -> None:
    con = connect_sqlite(store, "OFF")
    con.executescript(SQLITE_TABLE)
    messages = work.messages()
    micros = messages["created_at"].cast(pa.int64())
    columns = messages.set_column(5, "created_at", micros)
    con.execute("BEGIN")
    for batch in columns.to_batches(10_000):
        rows = zip(*(column.to_pylist() for column in batch.columns))
        con.executemany("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?)", rows)
    con.execute("COMMIT")
    con.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    con.execute("ANALYZE")
    con.close()


def build_duckdb(work: Work, store: Path) -> None:
    con = connect_duckdb(store)
    con.execute(DUCKDB_TABLE)
    con.register("arrow", work.messages())
    con.execute("INSERT INTO messages SELECT * FROM arrow")
    con.execute("CHECKPOINT")
    con.close()


def build_parquet(work: Work, store: Path) -> None:
    pq.write_table(work.messages(), store / "messages.parquet", compression="zstd")


BUILDERS: dict[str, Callable[[Work, Path], None]] = {
    "kalam_hot": build_kalam_hot,
    "kalam_cold": build_kalam_cold,
    "kalam_mixed": build_kalam_mixed,
    "kalam_users_hot": lambda work, store: build_kalam_users(work, store, 0.0),
    "kalam_users_cold": lambda work, store: build_kalam_users(work, store, 1.0),
    "kalam_users_mixed": lambda work, store: build_kalam_users(work, store, 0.8),
    "sqlite": build_sqlite,
    "duckdb": build_duckdb,
    "parquet": build_parquet,
}
