"""GROUP BY with a group for each user."""

from jobs import group_by
from measure import Job

JOB = Job(
    title="GROUP BY user_id (10,000 groups)",
    unit="ms",
    cases=group_by.cases("user_id"),
    goals=group_by.GOALS,
    note=group_by.NOTE,
    tried=(
        "As for three groups."
    ),
)
