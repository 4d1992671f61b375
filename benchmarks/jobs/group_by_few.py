"""GROUP BY with three groups."""

from jobs import group_by
from measure import Job

JOB = Job(
    title="GROUP BY role (3 groups)",
    unit="ms",
    cases=group_by.cases("role"),
    goals=group_by.GOALS,
    note=group_by.NOTE,
)
