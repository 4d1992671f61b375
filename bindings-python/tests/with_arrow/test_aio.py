"""Arrow and frames by asyncio."""

import asyncio

import pyarrow as pa
from kalamdb import aio


def test_results_become_tables_and_frames():
    async def program():
        async with await aio.connect() as db:
            await db.create_table("t", pa.table({"k": [1, 2, 3]}), primary_key=["k"])
            query = "SELECT k FROM t ORDER BY k"
            assert (await (await db.execute(query)).arrow())["k"].to_pylist() == [1, 2, 3]
            assert (await (await db.execute(query)).to_arrow_table()).num_rows == 3
            assert (await (await db.execute(query)).pl())["k"].to_list() == [1, 2, 3]
            assert (await (await db.execute(query)).df())["k"].tolist() == [1, 2, 3]
            assert (await (await db.execute(query)).to_numpy())["k"].tolist() == [1, 2, 3]
            partly = await db.execute(query)
            assert await anext(partly) == (1,)
            assert (await partly.arrow())["k"].to_pylist() == [2, 3]

    asyncio.run(program())
