"""What PEP 249 asks of the module."""

import datetime
import subprocess
import sys

import kalamdb
import pytest


def test_the_module_says_what_it_is():
    assert kalamdb.apilevel == "2.0"
    assert kalamdb.threadsafety == 2
    assert kalamdb.paramstyle == "qmark"
    assert kalamdb.__version__.count(".") == 2


def test_the_exception_tree_is_that_of_pep_249():
    assert issubclass(kalamdb.Warning, Exception)
    assert issubclass(kalamdb.Error, Exception)
    assert issubclass(kalamdb.InterfaceError, kalamdb.Error)
    assert issubclass(kalamdb.DatabaseError, kalamdb.Error)
    for name in ["Data", "Operational", "Integrity", "Internal", "Programming", "NotSupported"]:
        assert issubclass(getattr(kalamdb, f"{name}Error"), kalamdb.DatabaseError)


def test_our_exceptions_stand_below_those_of_pep_249():
    for name in ["InvalidStatement", "NotFound", "AlreadyExists"]:
        assert issubclass(getattr(kalamdb, f"{name}Error"), kalamdb.ProgrammingError)
    for name in [
        "PermissionDenied", "Conflict", "LimitExceeded", "Cancelled", "Unavailable", "Corrupted",
    ]:
        assert issubclass(getattr(kalamdb, f"{name}Error"), kalamdb.OperationalError)


def test_connections_carry_the_exceptions():
    for name in ["Warning", "Error", "InterfaceError", "DataError", "NotSupportedError"]:
        assert getattr(kalamdb.Connection, name) is getattr(kalamdb, name)


def test_an_exception_raised_by_hand_has_the_attributes():
    error = kalamdb.Error("mine")
    assert (error.sqlstate, error.code, error.position, error.hint, error.detail) == (None,) * 5


def test_type_objects_equal_the_types_of_their_group():
    assert "TEXT" == kalamdb.STRING and "BIGINT" == kalamdb.NUMBER
    assert "DECIMAL(10,2)" == kalamdb.NUMBER and "BYTES" == kalamdb.BINARY
    assert "DATETIME" == kalamdb.DATETIME and "TEXT" != kalamdb.NUMBER


def test_constructors_make_values_that_can_be_bound():
    assert kalamdb.Date(2024, 2, 29) == datetime.date(2024, 2, 29)
    assert kalamdb.Binary(b"\0") == b"\0"
    moment = datetime.datetime(2024, 2, 29, 12, 30)
    assert kalamdb.TimestampFromTicks(moment.timestamp()) == moment
    assert kalamdb.DateFromTicks(moment.timestamp()) == moment.date()
    assert kalamdb.TimeFromTicks(moment.timestamp()) == moment.time()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux's linkers are told what to hide")
def test_the_library_exports_two_functions_and_nothing_else():
    command = ["nm", "--dynamic", "--defined-only", kalamdb._kalamdb.__file__]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert {line.split()[-1] for line in listed.splitlines()} == {"AdbcKalamdbInit", "PyInit__kalamdb"}
