"""A pyarrow table as numpy arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]

if TYPE_CHECKING:
    from numpy.typing import NDArray


def arrays(table: pa.Table) -> dict[str, NDArray[Any]]:
    """One array for each column; numbers without NULLs are not copied."""
    return {name: _array(table.column(name)) for name in table.column_names}


def _array(column: Any) -> NDArray[Any]:
    # A table of one batch keeps its buffers; several have to become one.
    values = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    kind = values.type
    if pa.types.is_fixed_size_list(kind) and values.null_count == 0:
        flat = values.flatten().to_numpy(zero_copy_only=False)
        return flat.reshape(len(values), kind.list_size)
    if not (pa.types.is_primitive(kind) and values.null_count):
        return values.to_numpy(zero_copy_only=False)
    # NaN would stand for NULL in numpy, and lose large integers on the way.
    mask = values.is_null().to_numpy(zero_copy_only=False)
    filled = values.fill_null(_zero(kind)).to_numpy(zero_copy_only=False)
    return np.ma.MaskedArray(filled, mask=mask)


def _zero(kind: pa.DataType) -> pa.Scalar:
    if pa.types.is_boolean(kind):
        return pa.scalar(False)
    if pa.types.is_temporal(kind):
        width = pa.int32() if kind.bit_width == 32 else pa.int64()
        return pa.scalar(0, width).cast(kind)
    return pa.scalar(0).cast(kind)
