"""`python -m kalamdb`, from a pipe, from a terminal, and its parts."""

import io
import os
import select
import subprocess
import sys
import time

import kalamdb
import pytest
from kalamdb import _statement_text, _text_table
from kalamdb._shell import Quit, Shell


def start(*arguments, stdin=None, **keywords):
    command = [sys.executable, "-m", "kalamdb", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=120, **keywords)


@pytest.fixture
def shell(numbers):
    return Shell(numbers, io.StringIO(), io.StringIO())


def written(shell):
    out, error = shell._out.getvalue(), shell._error.getvalue()
    shell._out.truncate(shell._out.seek(0))
    shell._error.truncate(shell._error.seek(0))
    return out, error


def test_statements_come_from_a_pipe_and_stay_in_the_database(tmp_path):
    script = """
        CREATE TABLE t (k INT PRIMARY KEY, v TEXT);
        INSERT INTO t VALUES (1, 'one; two'),
            (22, NULL); -- the end
        .mode csv
        SELECT * FROM t ORDER BY k"""
    done = start(tmp_path / "d", stdin=script.replace("        .", "."))
    assert (done.stdout, done.stderr, done.returncode) == (
        "2 rows changed\nk,v\n1,one; two\n22,\n", "", 0,
    )
    done = start(tmp_path / "d", "-c", "SELECT COUNT(*) AS n FROM t")
    assert (done.stdout, done.returncode) == (" n\n--\n 2\n".replace(" n\n--\n 2", "n\n-\n2"), 0)


def test_the_first_failure_of_a_pipe_ends_it(tmp_path):
    done = start(stdin="SELECT 1 AS a;\nSELECT * FROM missing;\nSELECT 2 AS b;\n")
    assert done.returncode == 1 and done.stdout == "a\n-\n1\n"
    assert done.stderr.startswith("error 42P01: ")
    assert start("-c", "SELEC 1").returncode == 1
    done = start(tmp_path / "missing", "--read-only")
    assert done.returncode == 1 and "42704" in done.stderr
    assert start("--version").stdout == f"kalamdb {kalamdb.__version__}\n"


def test_the_driver_of_adbc_is_where_it_was():
    assert start("adbc", "path").stdout.strip().endswith(".so")


def test_commands_answer(shell):
    for line, answer in [
        (".tables app", "app        numbers     SHARED"),
        (".namespaces", "app"),
        (".schema app.numbers", "CREATE SHARED TABLE"),
        (".explain SELECT * FROM app.numbers WHERE id = 1", "Key lookup"),
        (".help", ".read FILE"),
    ]:
        assert shell.run_command(line), written(shell)
        assert answer in written(shell)[0], line
    assert shell.run_command(".mode json") and shell.run("SELECT id, name FROM app.numbers WHERE id = 1")
    assert written(shell)[0] == '{"id": 1, "name": "n1"}\n'
    assert shell.run_command(".mode table") and shell.run_command(".rows 3")
    assert shell.run("SELECT id FROM app.numbers ORDER BY id")
    out, error = written(shell)
    assert out.splitlines() == ["id", "--", " 0", " 1", " 2"] and "first 3 rows" in error
    assert shell.run_command(".timer on") and shell.run("SELECT 1")
    assert written(shell)[0].endswith(" s\n")
    with pytest.raises(Quit):
        shell.run_command(".quit")


def test_a_shell_acts_for_another_user(shell):
    assert shell.run_command(".user alice")
    assert shell.run("SELECT CURRENT_USER() AS me") and "alice" in written(shell)[0]
    assert not shell.run("DROP TABLE app.numbers") and "42501" in written(shell)[1]
    assert shell.run_command(".user")
    assert shell.run("SELECT CURRENT_USER() AS me") and "root" in written(shell)[0]


def test_wrong_commands_say_how(shell, tmp_path):
    for line, says in [
        (".nothing", ".help"), (".mode xml", "usage: .mode"), (".schema", "usage: .schema TABLE"),
        (".rows many", "usage: .rows"), (".timer 1", "usage: .timer"), (".schema 'open", "usage"),
        (f".read {tmp_path}/missing", "No such file"), (".schema app.missing", "42P01"),
    ]:  # fmt: skip
        assert not shell.run_command(line), line
        assert says in written(shell)[1], line
    (tmp_path / "script.sql").write_text("INSERT INTO app.numbers VALUES (50, 'read');\n")
    assert shell.run_command(f".read {tmp_path}/script.sql")
    assert written(shell)[0] == "1 rows changed\n"


def test_ctrl_c_stops_a_statement_and_the_shell_goes_on(shell, monkeypatch):
    class Interrupted:
        def execute(self, sql):
            raise KeyboardInterrupt

    connection, shell.connection = shell.connection, Interrupted()
    assert not shell.run("SELECT 1")
    assert written(shell)[1] == "interrupted\n"
    shell.connection = connection
    assert shell.run("SELECT 1")


@pytest.mark.parametrize(
    ("text", "is_complete"),
    [
        ("SELECT 1;", True), ("SELECT 1", False), ("SELECT ';'", False), ("SELECT ';';\n", True),
        ("SELECT 1 -- ;", False), ("SELECT 1; -- done", True), ("SELECT '", False), ("/* ;", False),
        ("SELECT 1 /* ; */", False), ("SELECT 'it''s;", False), ("SELECT 4/2;", True), ("", True),
        ('SELECT ";', False), ("-- nothing", True),
    ],  # fmt: skip
)
def test_a_statement_ends_with_a_semicolon_outside_of_texts(text, is_complete):
    assert _statement_text.is_complete(text) is is_complete


def test_tables_stand_in_columns():
    shown = _text_table.table(["id", "text"], [(1, "a"), (None, "日本"), (100, "line\nbreak")])
    assert shown.splitlines() == [
        "  id  text", "----  -----------", "   1  a", "NULL  日本", " 100  line\\nbreak",
    ]  # fmt: skip
    assert _text_table.table(["x"], [("y" * 100,)]).splitlines()[2] == "y" * 59 + "…"
    assert _text_table.table(["x"], []) == "x\n-"


class Terminal:
    """A shell in a terminal of its own."""

    def __init__(self, home):
        import pty

        pid, self.master = pty.fork()
        if pid == 0:
            environment = os.environ | {"HOME": str(home), "TERM": "dumb", "XDG_STATE_HOME": str(home)}
            os.execve(sys.executable, [sys.executable, "-m", "kalamdb"], environment)
        self.pid = pid
        self.seen = ""

    def wait_for(self, text):
        ends = time.monotonic() + 60
        while text not in self.seen and time.monotonic() < ends:
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self.master, 65536).decode()
                except OSError:  # the other side is closed
                    break
        assert text in self.seen, self.seen
        self.seen = self.seen.split(text, 1)[1]

    def type(self, text):
        os.write(self.master, text.encode())


def test_a_terminal_has_a_prompt_history_and_completion(tmp_path):
    terminal = Terminal(tmp_path)
    terminal.wait_for("kalamdb> ")
    terminal.type("SELECT 40 + 2\n")
    terminal.wait_for("...> ")
    terminal.type("AS answer;\n")
    terminal.wait_for("42")
    terminal.wait_for("kalamdb> ")
    terminal.type("CREATE TABLE things (k INT PRIMARY KEY);\n")
    terminal.wait_for("kalamdb> ")
    terminal.type("SELECT COUNT(*) FROM thi\t;\n")
    terminal.wait_for("things")
    terminal.wait_for("0")
    terminal.wait_for("kalamdb> ")
    terminal.type("SELECT missing;\n")
    terminal.wait_for("error 42703")
    terminal.wait_for("kalamdb> ")
    terminal.type("\x04")
    assert os.waitpid(terminal.pid, 0)[1] == 0
    os.close(terminal.master)
    assert "AS answer;" in (tmp_path / "kalamdb" / "history").read_text()
