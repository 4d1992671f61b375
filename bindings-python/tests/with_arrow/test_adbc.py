"""The ADBC driver by its name, through PyPI's driver manager, polars and pandas."""

import os
import subprocess
import sys
import threading
import time

import adbc_driver_manager
import pandas
import polars
import pyarrow as pa
import pytest
from adbc_driver_manager import dbapi

DAY = pa.table({"id": [1, 2, 3], "name": ["a", "b", None], "x": [0.5, 1.5, 2.5]})


@pytest.fixture(scope="session")
def manifest(tmp_path_factory):
    """The driver installed for a user whose configuration is in a folder of its own."""
    home = tmp_path_factory.mktemp("config")
    environment = {**os.environ, "XDG_CONFIG_HOME": str(home), "HOME": str(home)}
    command = [sys.executable, "-m", "kalamdb", "adbc", "install"]
    said = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    path = said.stdout.removeprefix("installed ").strip()
    assert path.startswith(str(home)) and path.endswith("kalamdb.toml")
    return path


@pytest.fixture
def user_config(manifest, monkeypatch):
    folder = os.path.dirname(os.path.dirname(os.path.dirname(manifest)))
    monkeypatch.setenv("XDG_CONFIG_HOME", folder)


@pytest.fixture
def connect(user_config):
    """Connects by the driver's name."""
    opened = []

    def connect(uri=":memory:", *, autocommit=False, conn=None, **options):
        connection = dbapi.connect(
            driver="kalamdb",
            db_kwargs={"uri": uri, **options},
            conn_kwargs=conn,
            autocommit=autocommit,
        )
        opened.append(connection)
        return connection

    yield connect
    for connection in opened:
        connection.close()


@pytest.fixture
def con(connect):
    return connect()


def rows(connection, sql, parameters=None):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


def run(connection, sql, parameters=None):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.rowcount


def test_a_statement_reads_and_writes(con):
    run(con, "CREATE TABLE t (id BIGINT PRIMARY KEY, name TEXT)")
    assert run(con, "INSERT INTO t VALUES (?, ?)", (1, "a")) == 1
    assert run(con, "INSERT INTO t VALUES (2, 'b'), (3, 'c')") == 2
    with con.cursor() as cursor:
        cursor.executemany("INSERT INTO t VALUES (?, ?)", [(n, str(n)) for n in range(4, 10)])
        assert cursor.rowcount == 6
    assert run(con, "UPDATE t SET name = 'z' WHERE id < 3") == 2
    assert rows(con, "SELECT name FROM t WHERE id = $1", (2,)) == [("z",)]
    assert rows(con, "SELECT COUNT(*) FROM t") == [(9,)]
    assert rows(con, "DELETE FROM t WHERE id = 1 RETURNING name") == [("z",)]


def test_rows_affected_is_told_beside_rows(con):
    run(con, "CREATE TABLE t (id BIGINT PRIMARY KEY)")
    assert run(con, "INSERT INTO t VALUES (1), (2) RETURNING id") == 2
    assert run(con, "SELECT * FROM t") == -1
    with con.cursor() as cursor:
        cursor.execute("INSERT INTO t VALUES (?) RETURNING id", pa.record_batch({"x": [7, 8]}))
        assert cursor.rowcount == 2
        assert cursor.fetchall() == [(7,), (8,)]


def test_parameters_bind_by_name(con):
    assert rows(con, "SELECT :a::BIGINT - :b::BIGINT AS d", {"b": 1, "a": 10}) == [(9,)]
    assert rows(con, "SELECT ?::BIGINT - ?::BIGINT AS d", (10, 1)) == [(9,)]


def test_a_query_runs_for_each_row_that_is_bound(con):
    with con.cursor() as cursor:
        cursor.execute("SELECT CAST(? AS BIGINT) * 2 AS twice", pa.record_batch({"n": [1, 2, 3]}))
        assert cursor.fetch_arrow_table().to_pydict() == {"twice": [2, 4, 6]}
        cursor.execute("SELECT CAST(? AS BIGINT) AS n", pa.table({"n": pa.array([], pa.int64())}))
        assert cursor.fetch_arrow_table().num_rows == 0


def test_a_stream_of_parameters_is_one_commit(con):
    run(con, "CREATE TABLE t (id BIGINT PRIMARY KEY)")
    con.commit()
    batches = [pa.record_batch({"id": [1, 2]}), pa.record_batch({"id": [3, 1]})]
    with con.cursor() as cursor, pytest.raises(dbapi.IntegrityError) as caught:
        cursor.executemany("INSERT INTO t VALUES (?)", pa.Table.from_batches(batches).to_reader())
    assert caught.value.sqlstate == "23505"
    con.rollback()
    assert rows(con, "SELECT * FROM t") == []


def test_commit_and_rollback(connect, tmp_path):
    one, other = connect(str(tmp_path / "db")), connect(str(tmp_path / "db"))
    run(one, "CREATE TABLE t (id BIGINT PRIMARY KEY)")
    run(one, "INSERT INTO t VALUES (1)")
    assert rows(other, "SELECT * FROM t") == []
    one.commit()
    other.commit()
    assert rows(other, "SELECT * FROM t") == [(1,)]
    run(one, "INSERT INTO t VALUES (2)")
    one.rollback()
    assert rows(one, "SELECT * FROM t") == [(1,)]
    # A transaction that only read does not stand in the way of a definition.
    run(one, "CREATE TABLE u (id BIGINT)")
    run(one, "INSERT INTO u VALUES (1)")
    with pytest.raises(dbapi.NotSupportedError):
        run(one, "CREATE TABLE v (id BIGINT)")
    one.rollback()


def test_autocommit(connect, tmp_path):
    one = connect(str(tmp_path / "db"), autocommit=True)
    run(one, "CREATE TABLE t (id BIGINT PRIMARY KEY)")
    run(one, "INSERT INTO t VALUES (1)")
    with pytest.raises(dbapi.ProgrammingError) as caught:
        one.adbc_connection.commit()
    assert caught.value.status_code == adbc_driver_manager.AdbcStatusCode.INVALID_STATE
    one.adbc_connection.set_autocommit(False)
    run(one, "INSERT INTO t VALUES (2)")
    one.adbc_connection.set_autocommit(True)
    assert rows(connect(str(tmp_path / "db")), "SELECT COUNT(*) FROM t") == [(2,)]


def test_a_conflict_says_40001(connect, tmp_path):
    one, other = connect(str(tmp_path / "db")), connect(str(tmp_path / "db"))
    run(one, "CREATE TABLE t (id BIGINT PRIMARY KEY, n BIGINT)")
    run(one, "INSERT INTO t VALUES (1, 0)")
    one.commit()
    run(one, "UPDATE t SET n = 1")
    run(other, "UPDATE t SET n = 2")
    one.commit()
    with pytest.raises(dbapi.OperationalError) as caught:
        other.commit()
    assert caught.value.sqlstate == "40001"


@pytest.mark.parametrize("mode", ["create", "create_append", "replace"])
def test_ingest_creates(con, mode):
    with con.cursor() as cursor:
        assert cursor.adbc_ingest("t", DAY, mode=mode) == 3
        con.commit()
        cursor.execute("SELECT * FROM t ORDER BY id")
        assert cursor.fetch_arrow_table().to_pydict() == DAY.to_pydict()
        if mode == "create":
            with pytest.raises(dbapi.ProgrammingError) as caught:
                cursor.adbc_ingest("t", DAY, mode=mode)
            assert caught.value.sqlstate == "42P07"
        else:
            assert cursor.adbc_ingest("t", DAY.to_reader(1), mode=mode) == 3
            con.commit()
            expected = 3 if mode == "replace" else 6
            assert rows(con, "SELECT COUNT(*) FROM t") == [(expected,)]


def test_ingest_appends(con):
    run(con, "CREATE NAMESPACE app")
    run(con, "CREATE TABLE app.t (id BIGINT PRIMARY KEY, name TEXT, x DOUBLE)")
    with con.cursor() as cursor:
        assert cursor.adbc_ingest("t", DAY, mode="append", db_schema_name="app") == 3
        con.rollback()
        assert cursor.adbc_ingest("t", DAY.to_batches()[0], "append", db_schema_name="app") == 3
        con.commit()
        with pytest.raises(dbapi.IntegrityError):
            cursor.adbc_ingest("t", DAY, mode="append", db_schema_name="app")
        con.rollback()
        with pytest.raises(dbapi.ProgrammingError) as caught:
            cursor.adbc_ingest("missing", DAY, mode="append")
        assert caught.value.sqlstate == "42P01"
        con.rollback()
        with pytest.raises(dbapi.NotSupportedError):
            cursor.adbc_ingest("t", DAY, temporary=True)
        with pytest.raises(dbapi.ProgrammingError):
            cursor.adbc_ingest("t", DAY, catalog_name="other")
    assert rows(con, "SELECT COUNT(*) FROM app.t") == [(3,)]


def test_ingest_that_fails_leaves_no_table(con):
    def broken():
        yield DAY.to_batches()[0]
        raise ValueError("no more")

    reader = pa.RecordBatchReader.from_batches(DAY.schema, broken())
    with con.cursor() as cursor:
        with pytest.raises(dbapi.Error, match="no more"):
            cursor.adbc_ingest("t", reader)
        con.rollback()
        with pytest.raises(dbapi.NotSupportedError, match='column "s"'):
            cursor.adbc_ingest("t", pa.table({"s": [{"a": 1}]}))
        con.rollback()
    with pytest.raises(dbapi.ProgrammingError, match="does not exist"):
        con.adbc_get_table_schema("t")


def test_ingest_options(con):
    with con.cursor(adbc_stmt_kwargs={
        "kalamdb.ingest.primary_key": "id",
        "kalamdb.ingest.table_type": "user",
        "kalamdb.ingest.upsert": "true",
    }) as cursor:
        cursor.adbc_ingest("t", DAY)
        cursor.adbc_ingest("t", pa.table({"id": [1], "name": ["z"]}), mode="append")
    con.commit()
    assert rows(con, "SELECT name FROM t WHERE id = 1") == [("z",)]
    assert rows(con, "SELECT kalam_kind FROM information_schema.tables WHERE table_name = 't'") == [
        ("USER",)
    ]


def test_a_replace_that_fails_keeps_the_old_table(con):
    def broken():
        yield DAY.to_batches()[0]
        raise ValueError("no more")

    with con.cursor() as cursor:
        cursor.adbc_ingest("t", DAY)
        con.commit()
        for rows_ in [pa.RecordBatchReader.from_batches(DAY.schema, broken()), pa.table({"s": [{}]})]:
            with pytest.raises(dbapi.Error):
                cursor.adbc_ingest("t", rows_, mode="replace")
            con.rollback()
            cursor.execute("SELECT * FROM t ORDER BY id")
            assert cursor.fetch_arrow_table().to_pydict() == DAY.to_pydict()
    tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'default'"
    assert rows(con, tables) == [("t",)]


def test_a_forked_child_gets_errors(connect, manifest, tmp_path):
    con = connect(str(tmp_path / "db"))
    child = os.fork()
    if child == 0:
        seen = []
        for use in [lambda: rows(con, "SELECT 1"), lambda: connect(str(tmp_path / "other")), connect]:
            try:
                use()
            except dbapi.Error as error:
                seen.append(error.sqlstate)
        # No handlers of pytest in the child.
        os._exit(0 if seen == ["KD001"] * 3 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert rows(con, "SELECT 1") == [(1,)]


def test_objects_nest_down_to_a_depth(con):
    run(con, "CREATE NAMESPACE app")
    run(con, "CREATE TABLE app.t (a INT COMMENT 'x', b VARCHAR(9) NOT NULL, PRIMARY KEY (b, a), "
        "CONSTRAINT positive CHECK (a > 0))")
    run(con, "CREATE VIEW app.v AS SELECT a FROM app.t")

    def objects(**filters):
        return con.adbc_get_objects(**filters).read_all().to_pylist()

    assert objects(depth="catalogs") == [{"catalog_name": "kalam", "catalog_db_schemas": None}]
    assert objects(depth="catalogs", catalog_filter="other") == []
    [catalog] = objects(depth="db_schemas", db_schema_filter="a_p")
    assert catalog["catalog_db_schemas"] == [{"db_schema_name": "app", "db_schema_tables": None}]
    [catalog] = objects(depth="tables", db_schema_filter="app")
    assert catalog["catalog_db_schemas"][0]["db_schema_tables"] == [
        {"table_name": name, "table_type": kind, "table_columns": None, "table_constraints": None}
        for name, kind in [("t", "BASE TABLE"), ("v", "VIEW")]
    ]
    [catalog] = objects(db_schema_filter="app", table_types_filter=["VIEW"])
    [view] = catalog["catalog_db_schemas"][0]["db_schema_tables"]
    assert [column["column_name"] for column in view["table_columns"]] == ["a"]
    [catalog] = objects(db_schema_filter="app", table_name_filter="t")
    [table] = catalog["catalog_db_schemas"][0]["db_schema_tables"]
    a, b = table["table_columns"]
    assert (a["ordinal_position"], a["remarks"], a["xdbc_type_name"]) == (1, "x", "INT")
    assert (b["xdbc_column_size"], b["xdbc_nullable"], b["xdbc_data_type"]) == (9, 0, 12)
    constraints = {c["constraint_name"]: c for c in table["table_constraints"]}
    assert constraints["t_pkey"]["constraint_column_names"] == ["b", "a"]
    assert constraints["positive"]["constraint_type"] == "CHECK"
    [catalog] = objects(db_schema_filter="app", table_name_filter="t", column_name_filter="b%")
    [table] = catalog["catalog_db_schemas"][0]["db_schema_tables"]
    assert [column["column_name"] for column in table["table_columns"]] == ["b"]


def test_schemas_and_names(con):
    run(con, "CREATE NAMESPACE app")
    run(con, "CREATE TABLE app.t (id BIGINT PRIMARY KEY, v EMBEDDING(2))")
    schema = con.adbc_get_table_schema("t", db_schema_filter="app")
    assert schema.names == ["id", "v"] and schema.field("v").type == pa.list_(
        pa.field("item", pa.float32(), nullable=False), 2
    )
    with pytest.raises(dbapi.ProgrammingError):
        con.adbc_get_table_schema("t", catalog_filter="other", db_schema_filter="app")
    assert con.adbc_get_table_types() == ["BASE TABLE", "VIEW"]
    con.adbc_current_db_schema = "app"
    assert con.adbc_current_db_schema == "app" and con.adbc_current_catalog == "kalam"
    assert con.adbc_get_table_schema("t").names == ["id", "v"]
    with con.cursor() as cursor:
        assert cursor.adbc_prepare("SELECT id + 1 AS n FROM t WHERE id = ?").types == [pa.int64()]
        assert cursor.adbc_execute_schema("SELECT id, 'x' AS s FROM t").names == ["id", "s"]
    info = con.adbc_get_info()
    assert info["vendor_name"] == "KalamDB" and info["driver_adbc_version"] == 1_001_000


def test_statistics(con):
    with con.cursor() as cursor:
        cursor.adbc_ingest("t", DAY)
    con.commit()
    [catalog] = con.adbc_get_statistics(table_name_filter="t").read_all().to_pylist()
    [namespace] = catalog["catalog_db_schemas"]
    of_table = [s for s in namespace["db_schema_statistics"] if s["column_name"] is None]
    found = {s["statistic_key"]: s["statistic_value"] for s in of_table}
    assert found[6] == 3
    of_column = {
        (s["column_name"], s["statistic_key"]): s["statistic_value"]
        for s in namespace["db_schema_statistics"]
        if s["column_name"] is not None
    }
    assert [of_column[name, 5] for name in DAY.column_names] == [0, 1, 0]
    assert (of_column["id", 4], of_column["x", 3], of_column["name", 3]) == (1, 2.5, b"b")
    names = con.adbc_get_statistic_names().read_all().to_pydict()
    assert set(names["statistic_key"]) <= set(found)


def test_an_error_says_what_and_where(con):
    with pytest.raises(dbapi.ProgrammingError) as caught:
        run(con, "SELECT nothing FROM missing")
    assert caught.value.sqlstate == "42P01"
    details = {key: value for key, value in caught.value.details}
    assert details[b"kalamdb.kind"] == b"NotFound"
    with pytest.raises(dbapi.ProgrammingError) as caught:
        run(con, "SELEC 1")
    assert caught.value.sqlstate == "42601"
    assert (b"kalamdb.position", b"1:1") in caught.value.details


def test_an_error_amid_a_stream_keeps_its_code(con):
    with con.cursor() as cursor, pytest.raises(dbapi.Error) as caught:
        cursor.execute("SELECT 1 / (10000 - value) FROM generate_series(1, 20000)")
        cursor.fetch_arrow_table()
    assert "zero" in str(caught.value)


def test_several_statements_in_one_text(con):
    assert rows(con, "SELECT 1; SELECT 2") == [(2,)]


def test_a_result_outlives_everything(connect):
    connection = connect()
    with connection.cursor() as cursor:
        cursor.adbc_ingest("t", DAY)
        cursor.execute("SELECT id FROM t ORDER BY id")
        reader = cursor.fetch_record_batch()
        connection.commit()
        stream = pa.RecordBatchReader.from_stream(reader)
        assert stream.read_all().to_pydict() == {"id": [1, 2, 3]}


def test_who_connects(connect, tmp_path):
    uri = "kalamdb://" + str(tmp_path / "db")
    root = connect(uri, autocommit=True)
    run(root, "CREATE USER 'ann' WITH PASSWORD 'secret-word' ROLE service")
    run(root, "CREATE USER TABLE notes (id BIGINT PRIMARY KEY)")
    ann = connect(uri, username="ann", password="secret-word", autocommit=True)
    run(ann, "INSERT INTO notes VALUES (1)")
    assert ann.adbc_connection.get_option("kalamdb.role") == "service"
    bob = connect(uri, user="bob", role="user")
    assert rows(bob, "SELECT * FROM notes") == []
    with pytest.raises(dbapi.ProgrammingError) as caught:
        run(bob, "CREATE TABLE t (id BIGINT)")
    assert caught.value.sqlstate == "42501"
    other = connect(uri, conn={"kalamdb.user": "ann"})
    assert rows(other, "SELECT * FROM notes") == [(1,)]
    with pytest.raises(dbapi.ProgrammingError) as caught:
        connect(uri, username="ann", password="wrong")
    assert caught.value.sqlstate == "28P01"
    with pytest.raises(dbapi.Error) as caught:
        connect(uri, nonsense="1")
    assert "nonsense" in str(caught.value)


def test_a_read_only_connection_reads(connect, tmp_path):
    uri = str(tmp_path / "db")
    run(connect(uri, autocommit=True), "CREATE TABLE t (id BIGINT)")
    reader = connect(uri, conn={"adbc.connection.readonly": "true"})
    assert rows(reader, "SELECT * FROM t") == []
    for sql in ["INSERT INTO t VALUES (1)", "DROP TABLE t"]:
        with pytest.raises(dbapi.ProgrammingError) as caught:
            run(reader, sql)
        assert caught.value.sqlstate == "25006"
    with reader.cursor() as cursor, pytest.raises(dbapi.ProgrammingError):
        cursor.adbc_ingest("u", DAY)


@pytest.mark.parametrize("through", ["statement", "connection"])
def test_cancel_stops_a_statement(con, through):
    with con.cursor() as cursor:
        started = time.monotonic()
        stop = cursor.adbc_cancel if through == "statement" else con.adbc_cancel
        timer = threading.Timer(0.3, stop)
        timer.start()
        with pytest.raises(dbapi.OperationalError) as caught:
            cursor.execute(
                "SELECT COUNT(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b"
            )
            cursor.fetchall()
        timer.join()
        assert time.monotonic() - started < 30
        assert caught.value.status_code == adbc_driver_manager.AdbcStatusCode.CANCELLED
    con.rollback()
    assert rows(con, "SELECT 1") == [(1,)]


def test_threads_share_a_connection(connect):
    con = connect(autocommit=True)
    run(con, "CREATE TABLE t (id BIGINT PRIMARY KEY)")
    failures = []

    def work(thread):
        try:
            for n in range(20):
                run(con, "INSERT INTO t VALUES (?)", (thread * 100 + n,))
                rows(con, "SELECT COUNT(*) FROM t")
        except Exception as error:  # reported below, with its thread's work undone
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert rows(con, "SELECT COUNT(*) FROM t") == [(160,)]


def test_pandas_reads_and_writes(con):
    frame = pandas.DataFrame({"id": [1, 2], "name": ["a", "b"]})
    assert frame.to_sql("t", con, index=False) == 2
    assert frame.to_sql("t", con, index=False, if_exists="append") == 2
    read = pandas.read_sql("SELECT id, name FROM t ORDER BY id", con)
    assert read["id"].tolist() == [1, 1, 2, 2]
    assert frame.to_sql("t", con, index=False, if_exists="replace") == 2
    assert pandas.read_sql_table("t", con)["name"].tolist() == ["a", "b"]
    with pytest.raises(ValueError, match="exists"):
        frame.to_sql("t", con, index=False)


def test_polars_reads_and_writes(con):
    frame = polars.from_arrow(DAY)
    assert frame.write_database("t", con, engine="adbc") == 3
    assert frame.write_database("t", con, engine="adbc", if_table_exists="append") == 3
    assert frame.write_database("t", con, engine="adbc", if_table_exists="replace") == 3
    read = polars.read_database("SELECT * FROM t ORDER BY id", con)
    assert read.to_dict(as_series=False) == DAY.to_pydict()


def test_the_driver_package_connects(tmp_path):
    import adbc_driver_kalamdb
    from adbc_driver_kalamdb import dbapi as own

    uri = f"kalamdb://{tmp_path / 'db'}"
    with own.connect(uri) as connection, connection.cursor() as cursor:
        cursor.adbc_ingest("t", DAY)
        connection.commit()
    with adbc_driver_kalamdb.connect(uri) as database:
        assert database is not None
    read = polars.read_database_uri("SELECT id FROM t ORDER BY id", uri, engine="adbc")
    assert read["id"].to_list() == [1, 2, 3]


def test_uninstall_takes_the_driver_away(tmp_path):
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)}

    def adbc(action):
        command = [sys.executable, "-m", "kalamdb", "adbc", action]
        return subprocess.run(command, env=environment, capture_output=True, text=True)

    assert adbc("install").returncode == 0
    assert adbc("uninstall").returncode == 0
    assert list(tmp_path.rglob("*.toml")) == []
    assert adbc("uninstall").returncode == 1
    assert "_kalamdb" in adbc("path").stdout
