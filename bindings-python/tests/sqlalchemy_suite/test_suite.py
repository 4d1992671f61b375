"""Every test of the suite, but those that `requirements` and `exclusions` name."""

import exclusions
from sqlalchemy.testing.suite import *  # noqa: F403

exclusions.apply(globals())
