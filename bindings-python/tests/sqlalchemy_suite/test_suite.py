"""Every test of the suite, but those that `requirements` and `exclusions` name."""

from sqlalchemy.testing.suite import *  # noqa: F403
