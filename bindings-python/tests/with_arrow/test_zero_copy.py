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


def polars_address(result):
    return result.pl()["x"].to_numpy(allow_copy=False).ctypes.data


def pandas_address(result):
    return result.df()["x"].array.__arrow_array__().chunk(0).buffers()[1].address


@pytest.mark.parametrize(
    "address",
    [
        lambda result: result.arrow()["x"].chunk(0).buffers()[1].address,
        polars_address,
        pandas_address,
        lambda result: result.to_numpy()["x"].ctypes.data,
        lambda result: pa.table(result)["x"].chunk(0).buffers()[1].address,
    ],
    ids=["pyarrow", "polars", "pandas", "numpy", "any consumer of Arrow"],
)
def test_what_came_in_goes_out_as_it_lies_in_memory(db, address):
    """Through the whole engine and into each kind of frame: the buffer is that of the input."""
    given = pa.table({"x": pa.array([n / 4 for n in range(1000)], pa.float64())})
    result = db.execute("SELECT x FROM given", data={"given": given})
    assert address(result) == given["x"].chunk(0).buffers()[1].address
