"""Hot rows to segments."""

from measure import Case, Goal, Job, Sample, once
from stores import Work, connect_kalam


def kalam(work: Work) -> Sample:
    with work.copy("kalam_hot") as store:
        con = connect_kalam(store)
        con.execute("SELECT COUNT(*) FROM chat.messages").fetchall()
        seconds = once(lambda: con.execute("STORAGE FLUSH TABLE chat.messages").fetchall())
        con.close()
    return Sample(work.rows / seconds)


JOB = Job(
    title="Flush of hot rows",
    unit="rows/s",
    cases=(Case("KalamDB", kalam, ("kalam_hot",)),),
    goals=(Goal("KalamDB", None, at_least=1_000_000.0),),
)
