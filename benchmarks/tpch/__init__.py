"""TPC-H: its tables, its 22 queries, and whether two systems answered the same."""

import math
import shutil
import subprocess
import sysconfig
from decimal import Decimal
from pathlib import Path
from typing import Any

# Column types as KalamDB and DuckDB write them; keys as the specification has them.
TABLES = {
    "region": "r_regionkey BIGINT, r_name TEXT, r_comment TEXT, PRIMARY KEY (r_regionkey)",
    "nation": (
        "n_nationkey BIGINT, n_name TEXT, n_regionkey BIGINT, n_comment TEXT,"
        " PRIMARY KEY (n_nationkey)"
    ),
    "supplier": (
        "s_suppkey BIGINT, s_name TEXT, s_address TEXT, s_nationkey BIGINT, s_phone TEXT,"
        " s_acctbal DECIMAL(15, 2), s_comment TEXT, PRIMARY KEY (s_suppkey)"
    ),
    "customer": (
        "c_custkey BIGINT, c_name TEXT, c_address TEXT, c_nationkey BIGINT, c_phone TEXT,"
        " c_acctbal DECIMAL(15, 2), c_mktsegment TEXT, c_comment TEXT, PRIMARY KEY (c_custkey)"
    ),
    "part": (
        "p_partkey BIGINT, p_name TEXT, p_mfgr TEXT, p_brand TEXT, p_type TEXT, p_size INT,"
        " p_container TEXT, p_retailprice DECIMAL(15, 2), p_comment TEXT, PRIMARY KEY (p_partkey)"
    ),
    "partsupp": (
        "ps_partkey BIGINT, ps_suppkey BIGINT, ps_availqty INT, ps_supplycost DECIMAL(15, 2),"
        " ps_comment TEXT, PRIMARY KEY (ps_partkey, ps_suppkey)"
    ),
    "orders": (
        "o_orderkey BIGINT, o_custkey BIGINT, o_orderstatus TEXT, o_totalprice DECIMAL(15, 2),"
        " o_orderdate DATE, o_orderpriority TEXT, o_clerk TEXT, o_shippriority INT,"
        " o_comment TEXT, PRIMARY KEY (o_orderkey)"
    ),
    "lineitem": (
        "l_orderkey BIGINT, l_partkey BIGINT, l_suppkey BIGINT, l_linenumber INT,"
        " l_quantity DECIMAL(15, 2), l_extendedprice DECIMAL(15, 2), l_discount DECIMAL(15, 2),"
        " l_tax DECIMAL(15, 2), l_returnflag TEXT, l_linestatus TEXT, l_shipdate DATE,"
        " l_commitdate DATE, l_receiptdate DATE, l_shipinstruct TEXT, l_shipmode TEXT,"
        " l_comment TEXT, PRIMARY KEY (l_orderkey, l_linenumber)"
    ),
}
# Averages are floats in one system and decimals of six places in another.
RELATIVE_TOLERANCE = 1e-4
ABSOLUTE_TOLERANCE = 1e-5


def generate(folder: Path, scale: float) -> None:
    """Writes `<table>.parquet` for each table: about 1 GB of text at scale 1."""
    beside = Path(sysconfig.get_path("scripts")) / "tpchgen-cli"
    program = str(beside) if beside.exists() else shutil.which("tpchgen-cli")
    if program is None:
        raise RuntimeError("tpchgen-cli is not installed: pip install tpchgen-cli")
    command = [program, "parquet", "--scale-factor", str(scale), "--output-dir", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def queries() -> dict[str, str]:
    """SQL by name, from Q1 to Q22."""
    text = (Path(__file__).parent / "queries.sql").read_text()
    named = (part.split("\n", 1) for part in text.split("\n-- Q")[1:])
    return {f"Q{number}": sql.strip() for number, sql in named}


def agree(one: list[tuple[Any, ...]], other: list[tuple[Any, ...]]) -> bool:
    """Whether two answers have the same rows in the same order, but for rounding."""
    return len(one) == len(other) and all(
        len(left) == len(right) and all(map(same_value, left, right))
        for left, right in zip(one, other)
    )


def same_value(one: Any, other: Any) -> bool:
    numbers = (int, float, Decimal)
    if isinstance(one, numbers) and isinstance(other, numbers):
        return math.isclose(
            one, other, rel_tol=RELATIVE_TOLERANCE, abs_tol=ABSOLUTE_TOLERANCE
        )
    return bool(one == other)
