"""The package's asyncio half."""

import asyncio
import threading

import kalamdb
import pytest
from kalamdb import aio

ENDLESS = "SELECT COUNT(*) FROM generate_series(1, 1000000000000) a (x) WHERE x % 7 = 8"


def run(program):
    """Run a coroutine that takes a connection with a table of ten rows."""

    async def with_connection():
        async with await aio.connect() as db:
            await db.execute("CREATE TABLE t (k BIGINT PRIMARY KEY, v TEXT)")
            await db.executemany("INSERT INTO t VALUES (?, ?)", [(k, f"v{k}") for k in range(10)])
            return await program(db)

    return asyncio.run(with_connection())


async def count(db):
    return (await (await db.execute("SELECT COUNT(*) FROM t")).fetchone())[0]


def test_statements_rows_and_parameters():
    async def program(db):
        result = await db.execute("SELECT k, v FROM t WHERE k > :least ORDER BY k", {"least": 6})
        assert result.columns == ["k", "v"] and result.description[0][1] == "BIGINT"
        assert await result.fetchone() == (7, "v7")
        assert [row async for row in result] == [(8, "v8"), (9, "v9")]
        assert (await db.execute("DELETE FROM t WHERE k < 3")).rowcount == 3
        result = await db.sql("SELECT k FROM t ORDER BY k")
        assert (await result.fetchmany(2), len(await result.fetchall())) == ([(3,), (4,)], 5)
        assert await (await db.execute("SELECT 1 AS one")).to_dicts() == [{"one": 1}]
        assert "<table>" in (await db.execute("SELECT 1"))._repr_html_()

    run(program)


def test_everything_else_a_connection_does():
    async def program(db):
        assert (db.user, db.role, db.namespace) == ("root", "system", "default")
        assert await db.append("t", [{"k": 10}, (11, "tuple")]) == 2
        assert await db.create_table("made", {"x": [1, 2]}) == 2
        await db.register("given", {"k": [1, 2]})
        joined = await db.execute("SELECT COUNT(*) FROM t JOIN given USING (k)")
        assert await joined.fetchone() == (2,)
        await db.unregister("given")
        data = await db.execute("SELECT x FROM d", data={"d": {"x": [5]}}, timeout=60)
        assert await data.fetchall() == [(5,)]
        statement = await db.prepare("SELECT v FROM t WHERE k = ?")
        assert statement.parameter_types == ["BIGINT"] and statement.schema.names == ["v"]
        assert await (await statement.execute([3])).fetchone() == ("v3",)
        assert "Key lookup" in await db.explain("SELECT v FROM t WHERE k = 1")
        await db.executescript("DELETE FROM t WHERE k = 10; DELETE FROM t WHERE k = 11")
        await (await db.flush("t")).close()
        async with await db.as_user("alice") as alice:
            assert alice.user == "alice" and alice.role == "user"
            with pytest.raises(kalamdb.PermissionDeniedError):
                await alice.execute("SELECT * FROM t")
        assert await count(db) == 10

    run(program)


def test_transactions_commit_and_roll_back():
    async def program(db):
        async with db.transaction():
            await db.execute("DELETE FROM t WHERE k = 1")
        with pytest.raises(LookupError):
            async with db.transaction("serializable"):
                await db.execute("DELETE FROM t")
                raise LookupError
        with pytest.raises(kalamdb.NotFoundError):
            async with db.transaction():
                await db.execute("DELETE FROM t")
                await db.execute("SELECT * FROM missing")
        assert not db.in_transaction
        await db.begin()
        await db.execute("DELETE FROM t")
        await db.rollback()
        await db.begin()
        await db.commit()
        assert await count(db) == 9

    run(program)


def test_the_event_loop_goes_on_while_the_engine_works():
    async def program(db):
        work = asyncio.create_task(count_slowly(db))
        ticks = 0
        while not work.done():
            await asyncio.sleep(0)
            ticks += 1
        assert ticks > 1
        assert await work == 0

    async def count_slowly(db):
        query = "SELECT COUNT(*) FROM generate_series(1, 1000000) a (x) WHERE x % 7 = 8"
        return (await (await db.execute(query)).fetchone())[0]

    run(program)


def test_cancelling_stops_the_statement_alone_and_it_has_done_nothing():
    async def program(db):
        other = await db.execute(ENDLESS)
        work = asyncio.create_task(db.execute(f"UPDATE t SET v = 'x' WHERE k < ({ENDLESS})"))
        fetching = asyncio.create_task(other.fetchone())
        await asyncio.sleep(0.05)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert not fetching.done()
        assert await (await db.execute("SELECT COUNT(*) FROM t WHERE v = 'x'")).fetchone() == (0,)
        other.cancel()
        with pytest.raises(kalamdb.CancelledError):
            await fetching

    run(program)


def test_a_deadline_of_asyncio_stops_a_fetch():
    async def program(db):
        result = await db.execute(ENDLESS)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await result.fetchone()
        with pytest.raises(kalamdb.InterfaceError, match="result is closed"):
            await result.fetchone()
        assert await count(db) == 10

    run(program)


def test_cancelling_in_a_transaction_rolls_it_back():
    async def program(db):
        async def delete_all():
            async with db.transaction():
                await db.execute("DELETE FROM t")
                await (await db.execute(ENDLESS)).fetchone()

        work = asyncio.create_task(delete_all())
        await asyncio.sleep(0.1)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert not db.in_transaction
        assert await count(db) == 10

    run(program)


def test_many_tasks_share_a_connection():
    async def program(db):
        async def work(task):
            for i in range(10):
                await db.execute("INSERT INTO t VALUES (?, ?)", [100 * task + i + 100, "x"])
            return await count(db)

        counts = await asyncio.gather(*(work(task) for task in range(20)))
        assert max(counts) == 210

    run(program)


def test_two_event_loops_use_one_connection_at_the_same_time():
    database = asyncio.run(aio.connect())
    asyncio.run(database.execute("CREATE TABLE t (k BIGINT PRIMARY KEY, v TEXT)"))

    async def insert(first):
        for key in range(first, first + 20):
            await database.execute("INSERT INTO t VALUES (?, 'x')", [key])

    threads = [threading.Thread(target=asyncio.run, args=[insert(n * 100)]) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert asyncio.run(count(database)) == 40
    asyncio.run(database.close())
    with pytest.raises(kalamdb.InterfaceError) as raised:
        asyncio.run(count(database))
    assert raised.value.sqlstate == "08003"


def test_errors_keep_their_class_and_state():
    async def program(db):
        with pytest.raises(kalamdb.IntegrityError) as raised:
            await db.execute("INSERT INTO t VALUES (1, 'again')")
        assert raised.value.sqlstate == "23505"
        with pytest.raises(kalamdb.DataError):
            await db.execute("SELECT ?", [object()])
        result = await db.execute("SELECT 1")
        await result.close()
        with pytest.raises(kalamdb.InterfaceError):
            await result.fetchall()

    run(program)


def test_names_are_those_of_the_package():
    """What a Connection, a Statement and a Result have is here, or declined for a reason."""
    blocking = {"cursor"}  # PEP 249 has no awaitable cursors; execute() gives a result of its own
    blocking |= {"appender"}  # rows come one by one; append() takes them all
    spelled_otherwise = {
        "fetch_arrow_table", "fetch_record_batch", "to_arrow_reader", "fetch_polars", "fetch_df",
    }  # fmt: skip
    for ours, theirs in [
        (aio.AsyncConnection, kalamdb.Connection),
        (aio.AsyncStatement, kalamdb.Statement),
        (aio.AsyncResult, kalamdb.Result),
    ]:
        wanted = {
            name for name in vars(theirs) if not name.startswith("_") and not name.endswith("Error")
        }
        wanted -= {"Warning"} | blocking | spelled_otherwise
        if theirs is kalamdb.Statement:
            wanted -= {"connection"}
        assert wanted <= set(dir(ours)), wanted - set(dir(ours))
