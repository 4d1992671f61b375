"""Arrow leaves uncopied: the buffers that others hold are the ones that we exported."""

import c_interface
import polars as pl
import pyarrow as pa
import pytest


@pytest.fixture
def batch(db):
    db.execute("CREATE SHARED TABLE app.n (id BIGINT PRIMARY KEY, x DOUBLE NOT NULL)")
    db.append("app.n", {"id": range(1000), "x": [i / 2 for i in range(1000)]})
    return c_interface.Batch(db.execute("SELECT id, x FROM app.n ORDER BY id"))


def test_pyarrow_holds_the_exported_buffers(batch):
    exported = [batch.address(0), batch.address(1)]
    imported = pa.record_batch(batch)
    assert imported.num_rows == 1000 and imported.column(0)[999].as_py() == 999
    addresses = [
        column.buffers()[1].address + 8 * column.offset for column in imported.columns
    ]
    assert addresses == exported


def test_polars_holds_the_exported_buffers(batch):
    exported = [batch.address(0), batch.address(1)]
    imported = pl.DataFrame(batch)
    assert imported.height == 1000 and imported["x"][999] == 499.5
    addresses = [series.to_numpy(allow_copy=False).ctypes.data for series in imported]
    assert addresses == exported


def test_numpy_and_pandas_hold_the_buffers_of_the_table(db):
    db.execute("CREATE SHARED TABLE app.n (id BIGINT PRIMARY KEY)")
    db.append("app.n", {"id": range(100)})
    arrays = db.execute("SELECT id FROM app.n ORDER BY id").to_numpy()
    assert not arrays["id"].flags.owndata and arrays["id"].tolist() == list(range(100))
    frame = db.execute("SELECT id FROM app.n ORDER BY id").df()
    table = frame["id"].array.__arrow_array__()
    assert table.chunk(0).buffers()[1].address == frame["id"].array._pa_array.chunk(0).buffers()[1].address
