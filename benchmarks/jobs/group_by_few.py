"""GROUP BY with three groups."""

from jobs import group_by
from measure import Job

JOB = Job(
    title="GROUP BY role (3 groups)",
    unit="ms",
    cases=group_by.cases("role"),
    goals=group_by.GOALS,
    note=group_by.NOTE,
    tried=(
        "Columns that compression makes little smaller are stored without it: that took a "
        "fifth of TPC-H's Q1. Mixed, the hot rows are decoded one by one, which no columnar "
        "cache spares yet."
    ),
)
