"""Tests of the suite that do not hold here, each with its reason.

SKIPPED does not run. What the engine answers instead is in tests/slt/README.md.
"""

from collections.abc import Mapping

import pytest

# Class, test (or None for all of the class): why.
SKIPPED: Mapping[tuple[str, str | None], str] = {}


def apply(names: dict[str, object]) -> None:
    """Mark what is excluded in the names of a module; an unknown name is an error."""
    for (class_name, test), reason in SKIPPED.items():
        cls = names[class_name]
        if test is None:
            names[class_name] = pytest.mark.skip(reason=reason)(cls)
        else:
            setattr(cls, test, pytest.mark.skip(reason=reason)(getattr(cls, test)))
