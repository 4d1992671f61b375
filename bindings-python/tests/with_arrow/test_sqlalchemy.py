"""The dialect, where it differs from what SQLAlchemy's own suite asks."""

import datetime
import threading
import uuid

import pytest
import sqlalchemy as sa
from kalamdb.sqlalchemy import EMBEDDING
from sqlalchemy import exc
from sqlalchemy.dialects.postgresql import insert


@pytest.fixture
def engine():
    engine = sa.create_engine("kalamdb://")
    yield engine
    engine.dispose()


@pytest.fixture
def words(engine):
    table = sa.Table("words", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("word", sa.String(20)))
    table.create(engine)
    return table


def count(engine, table):
    with engine.connect() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(table))


def test_a_directory_keeps_what_was_committed(tmp_path):
    url = f"kalamdb:///{tmp_path}/d?durability=normal"
    table = sa.Table("t", sa.MetaData(), sa.Column("k", sa.Integer, primary_key=True))
    for times in [1, 2]:
        engine = sa.create_engine(url)
        table.metadata.create_all(engine)
        with engine.begin() as connection:
            connection.execute(table.insert())
        assert count(engine, table) == times
        engine.dispose()


def test_connections_to_memory_share_one_database(engine, words):
    with engine.connect() as one, engine.connect() as other:
        one.execute(words.insert(), {"word": "a"})
        assert other.scalar(sa.select(sa.func.count()).select_from(words)) == 0
        other.rollback()
        one.commit()
        assert other.scalar(sa.select(sa.func.count()).select_from(words)) == 1
    threads = [threading.Thread(target=count, args=(engine, words)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_block_is_a_transaction(engine, words):
    with pytest.raises(LookupError), engine.begin() as connection:
        connection.execute(words.insert(), [{"word": "a"}, {"word": "b"}])
        raise LookupError
    with engine.begin() as connection:
        connection.execute(words.insert(), {"word": "kept"})
        with pytest.raises(LookupError), connection.begin_nested():
            connection.execute(words.insert(), {"word": "gone"})
            raise LookupError
    assert count(engine, words) == 1
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(words.insert(), {"word": "at once"})
        connection.rollback()
    assert count(engine, words) == 2


def test_definitions_run_before_the_first_write_and_not_after(engine, words):
    with engine.connect() as connection:
        connection.execute(sa.select(words)).all()
        connection.exec_driver_sql("CREATE TABLE more (k INT PRIMARY KEY)")
        connection.execute(words.insert(), {"word": "a"})
        with pytest.raises(exc.NotSupportedError) as raised:
            connection.exec_driver_sql("DROP TABLE more")
        assert raised.value.orig.sqlstate == "0A000"


def test_the_second_of_two_changes_is_refused(engine, words):
    with engine.begin() as connection:
        connection.execute(words.insert(), {"id": 1, "word": "a"})
    one, other = engine.connect(), engine.connect()
    for connection in (one, other):
        connection.execute(words.update().values(word="b"))
    one.commit()
    with pytest.raises(exc.OperationalError) as raised:
        other.commit()
    assert raised.value.orig.sqlstate == "40001"
    one.close()
    other.close()


def test_keys_come_in_the_order_of_rows(engine, words):
    with engine.begin() as connection:
        rows = [{"word": f"w{n}"} for n in range(200)]
        returned = connection.scalars(words.insert().returning(words.c.id, sort_by_parameter_order=True), rows).all()
        assert returned == sorted(returned) and len(set(returned)) == 200
        by_key = connection.scalars(sa.select(words.c.word).order_by(words.c.id)).all()
    assert by_key == [row["word"] for row in rows]


def test_what_the_engine_refuses_is_refused_or_left_out_on_request():
    metadata = sa.MetaData()
    sa.Table("a", metadata, sa.Column("id", sa.Integer, primary_key=True))
    sa.Table("b", metadata, sa.Column("a_id", sa.ForeignKey("a.id"), index=True, primary_key=True))
    with pytest.raises(exc.NotSupportedError):
        metadata.create_all(sa.create_engine("kalamdb://"))
    metadata.create_all(sa.create_engine("kalamdb://", omit={"foreign_keys", "indexes"}))
    engine = sa.create_engine("kalamdb://?omit=foreign_keys,indexes")
    metadata.create_all(engine)
    metadata.drop_all(engine)
    with pytest.raises(exc.ArgumentError):
        sa.create_engine("kalamdb://", omit={"tables"})
    with pytest.raises(exc.ArgumentError):
        sa.create_engine("kalamdb://host/path").connect()


def test_values_come_back_as_they_went(engine):
    moment = datetime.datetime(2024, 2, 29, 12, 30, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))
    values = {
        "number": uuid.UUID(int=7), "text_number": str(uuid.UUID(int=8)), "document": {"a": [1, None]},
        "at": moment, "naive": moment.replace(tzinfo=None), "numbers": [1, 2], "place": [0.5, 1.0],
        "bytes": b"\0\xff", "spent": datetime.timedelta(hours=30),
    }  # fmt: skip
    table = sa.Table(
        "t", sa.MetaData(),
        sa.Column("number", sa.Uuid, primary_key=True), sa.Column("text_number", sa.Uuid(as_uuid=False)),
        sa.Column("document", sa.JSON), sa.Column("at", sa.DateTime(timezone=True)), sa.Column("naive", sa.DateTime),
        sa.Column("numbers", sa.ARRAY(sa.BigInteger)), sa.Column("place", EMBEDDING(2)),
        sa.Column("bytes", sa.LargeBinary), sa.Column("spent", sa.Interval),
    )  # fmt: skip
    table.create(engine)
    with engine.begin() as connection:
        connection.execute(table.insert(), values)
        assert connection.execute(sa.select(table)).one()._asdict() == values
        same = sa.select(table.c.naive).where(table.c.at == moment, table.c.text_number == values["text_number"])
        assert connection.scalar(same) == values["naive"]
        assert connection.scalar(sa.select(table.c.document["a"][0].as_integer())) == 1
        for distance, expected in [
            (table.c.place.l2_distance([0.5, 2.0]), 1.0), (table.c.place.cosine_distance([1.0, 2.0]), 0.0),
            (table.c.place.max_inner_product([2.0, 1.0]), -2.0),
        ]:  # fmt: skip
            assert connection.scalar(sa.select(distance)) == pytest.approx(expected, abs=1e-6)


def test_tables_are_reflected_with_their_types(engine):
    metadata = sa.MetaData()
    sa.Table(
        "t", metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(20), nullable=False, unique=True, comment="as they say it"),
        sa.Column("n", sa.Numeric(10, 2), sa.CheckConstraint("n > 0", name="positive"), server_default="5"),
        sa.Column("place", EMBEDDING(3)), sa.Column("list", sa.ARRAY(sa.Integer)),
        sa.Column("at", sa.DateTime(timezone=True)),
        comment="things", kalamdb_type="user", kalamdb_options={"FLUSH_POLICY": "rows:1000"},
    )  # fmt: skip
    metadata.create_all(engine)
    found = sa.Table("t", sa.MetaData(), autoload_with=engine)
    assert {column.name: str(column.type) for column in found.c} == {
        "id": "BIGINT", "name": "VARCHAR(20)", "n": "DECIMAL(10, 2)", "place": "EMBEDDING(3)",
        "list": "ARRAY", "at": "DATETIME",
    }  # fmt: skip
    assert found.c.name.comment == "as they say it" and found.comment == "things"
    assert not found.c.name.nullable and found.c.n.server_default is not None
    inspector = sa.inspect(engine)
    assert inspector.get_unique_constraints("t")[0]["column_names"] == ["name"]
    assert inspector.get_check_constraints("t")[0]["name"] == "positive"
    with engine.connect() as connection:
        kind = "SELECT kalam_kind FROM information_schema.tables WHERE table_name = 't'"
        assert connection.exec_driver_sql(kind).scalar() == "USER"


def test_rows_that_are_there_are_updated(engine, words):
    with engine.begin() as connection:
        upsert = insert(words).values([{"id": 1, "word": "a"}, {"id": 2, "word": "b"}])
        for _ in range(2):
            connection.execute(upsert.on_conflict_do_nothing())
        replace = upsert.on_conflict_do_update(index_elements=["id"], set_={"word": upsert.excluded.word + "!"})
        connection.execute(replace)
        assert connection.execute(sa.select(words.c.word).order_by(words.c.id)).scalars().all() == ["a!", "b!"]


def test_the_connection_below_has_everything(engine, words):
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver.append("words", [{"id": 1, "word": "a"}]) == 1
        assert driver.execute("SELECT word FROM words").arrow().num_rows == 1


def test_errors_are_those_of_sqlalchemy_with_ours_inside(engine, words):
    with engine.connect() as connection:
        connection.execute(words.insert(), {"id": 1})
        with pytest.raises(exc.IntegrityError) as raised:
            connection.execute(words.insert(), {"id": 1})
        assert raised.value.orig.sqlstate == "23505"
        with pytest.raises(exc.ProgrammingError) as raised:
            connection.execute(sa.text("SELECT 1"))
        assert raised.value.orig.sqlstate == "25P02"
        connection.rollback()
        connection.execute(sa.text("SELECT 1"))
        connection.connection.driver_connection.close()
        with pytest.raises(exc.InterfaceError) as raised:
            connection.execute(sa.text("SELECT 1"))
        assert raised.value.connection_invalidated
    assert count(engine, words) == 0


def test_users_of_a_url_see_their_own_rows(tmp_path):
    path = tmp_path / "d"
    root = sa.create_engine(f"kalamdb:///{path}")
    notes = sa.Table("notes", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), kalamdb_type="user")
    notes.create(root)
    alice = sa.create_engine(f"kalamdb://alice@/{path}")
    with alice.begin() as connection:
        connection.execute(notes.insert(), {"id": 1})
    assert (count(alice, notes), count(root, notes)) == (1, 0)
    reader = sa.create_engine(f"kalamdb://alice@/{path}?read_only=true&timeout=60")
    with pytest.raises(exc.OperationalError) as raised, reader.begin() as connection:
        connection.execute(notes.insert(), {"id": 2})
    assert raised.value.orig.sqlstate == "25006"
    for engine in (root, alice, reader):
        engine.dispose()
