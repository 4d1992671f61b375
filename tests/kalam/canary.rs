//! Rows of others cannot be told from rows that are not there: in no answer, no error,
//! no plan and no count, and no answer changes because somebody else writes.

use kalam_core::model::Role;
use kalam_core::{Params, Session};

use crate::fixture::{Fixture, Rows, Seeded, full_text, number_from, run, try_rows};

/// What is in every value of everybody but alice, in texts and in numbers.
const CANARY: &str = "zqxcanary";
const CANARY_NUMBER: i64 = 770_077_007;

/// Users whose rows nobody else may see; their names are secrets too.
const OTHERS: [&str; 3] = ["zqxcanary-bob", "carol", "root"];

/// Statements of one run; `KALAM_CANARY=100000` runs as many as are promised.
const STATEMENTS: u64 = 3_000;

/// Three tables with rows of alice and of others, and a table that she may not read.
fn house() -> Fixture {
    let fixture = Fixture::new();
    for sql in [
        "CREATE USER TABLE note (id BIGINT PRIMARY KEY, text TEXT NOT NULL, n BIGINT, tags TEXT[])",
        "CREATE USER TABLE pair (a TEXT, b INT, v DOUBLE, PRIMARY KEY (a, b))",
        "CREATE STREAM TABLE event (id BIGINT PRIMARY KEY, text TEXT) WITH (TTL_SECONDS = 3600)",
        "CREATE SHARED TABLE board (id BIGINT PRIMARY KEY, text TEXT) WITH (ACCESS_LEVEL = 'PUBLIC')",
        "CREATE SHARED TABLE ledger (id BIGINT PRIMARY KEY, zqxcanary_column TEXT COMMENT 'zqxcanary')",
        "CREATE VIEW mine AS SELECT id, text, n FROM note WHERE n IS NULL OR n >= 0",
        "CREATE VIEW counted AS SELECT text, COUNT(*) AS id FROM mine GROUP BY text",
        "INSERT INTO board VALUES (1, 'for all'), (2, 'for everybody')",
        "INSERT INTO ledger VALUES (770077007, 'zqxcanary')",
    ] {
        fixture.run(sql);
    }
    let alice = fixture.user("alice");
    run(
        &alice,
        "INSERT INTO note VALUES (1, 'one', 10, ['a']), (2, 'two', 20, NULL), (3, 'x', NULL, ['b'])",
    );
    run(&alice, "INSERT INTO pair VALUES ('p', 1, 0.5), ('q', 2, 1.5)");
    run(&alice, "INSERT INTO event VALUES (1, 'click')");
    write_as_others(&fixture, 0);
    fixture.run("STORAGE FLUSH TABLE note");
    run(&alice, "INSERT INTO note VALUES (4, 'four', 40, ['c', 'd'])");
    run(&alice, "DELETE FROM note WHERE id = 3");
    write_as_others(&fixture, 1);
    fixture
}

/// What others write, more each time: the same keys as alice and others.
fn write_as_others(fixture: &Fixture, round: i64) {
    let first = round * 100;
    for user in OTHERS {
        let session = fixture.user(user);
        for key in [1, 2, CANARY_NUMBER] {
            let (id, text) = (first + key, format!("{CANARY}-{user}-{key}"));
            run(
                &session,
                &format!("INSERT INTO note VALUES ({id}, '{text}', {CANARY_NUMBER}, ['{CANARY}'])"),
            );
            run(&session, &format!("INSERT INTO pair VALUES ('{text}', {id}, {CANARY_NUMBER})"));
            run(&session, &format!("INSERT INTO event VALUES ({id}, '{text}')"));
        }
        run(
            &session,
            &format!("UPDATE note SET text = text || '{CANARY}' WHERE id = {}", first + 2),
        );
        run(&session, &format!("DELETE FROM note WHERE id = {}", first + 1));
    }
}

/// Statements that a curious user might try.
struct Curious(Seeded);

impl Curious {
    fn one<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[usize::try_from(self.0.below(from.len() as u64)).expect("an index fits")]
    }

    fn table(&mut self) -> &'static str {
        self.one(&[
            "note",
            "note",
            "default.note",
            "pair",
            "event",
            "board",
            "ledger",
            "nowhere",
            "mine",
            "counted",
        ])
    }

    fn value(&mut self) -> &'static str {
        self.one(&["1", "2", "3", "4", "770077007", "101", "'one'", "'zqx%'", "NULL", "-1", "0.5"])
    }

    fn column(&mut self) -> &'static str {
        self.one(&[
            "id", "text", "n", "a", "b", "v", "tags", "_seq", "_deleted", "_user", "_key", "*",
        ])
    }

    fn expression(&mut self) -> String {
        let (column, value) = (self.column(), self.value());
        let column = if column == "*" { "id" } else { column };
        match self.0.below(15) {
            0 => format!("COUNT({column})"),
            10 => format!("TRY_CAST({column} AS BIGINT) % 1000"),
            11 => format!("MAX(LENGTH(CAST({column} AS TEXT)))"),
            12 => format!("COUNT(DISTINCT {column})"),
            1 => format!("MAX({column})"),
            2 => format!("MIN({column})"),
            3 => format!("CAST({column} AS INT)"),
            4 => format!("10 / (id - {value})"),
            5 => format!("{column} + 9223372036854775807"),
            6 => format!("SUM(id) OVER (ORDER BY {column})"),
            7 => format!("(SELECT COUNT(*) FROM {} )", self.table()),
            8 => format!("CASE WHEN {column} = {value} THEN 1 / 0 ELSE 0 END"),
            9 => "CURRENT_USER()".to_owned(),
            _ => column.to_owned(),
        }
    }

    fn condition(&mut self) -> String {
        let (column, value) = (self.column(), self.value());
        let column = if column == "*" { "id" } else { column };
        match self.0.below(9) {
            0 => "true".to_owned(),
            1 => format!("{column} = {value} OR true"),
            2 => format!("{column} IN (SELECT id FROM {})", self.table()),
            3 => format!("{column} LIKE 'zqx%'"),
            4 => "_deleted = true".to_owned(),
            5 => "_seq > 0".to_owned(),
            6 => format!("EXISTS (SELECT 1 FROM {} x WHERE x.id = {value})", self.table()),
            7 => format!("{column} > {value}"),
            _ => format!("{column} = {value}"),
        }
    }

    fn query(&mut self) -> String {
        let (what, table) = (self.expression(), self.table());
        match self.0.below(8) {
            0 => format!("SELECT * FROM {table}"),
            1 => format!("SELECT {what} FROM {table} a JOIN {} b ON true", self.table()),
            2 => format!(
                "SELECT {what} FROM {table} UNION ALL SELECT {} FROM {}",
                self.value(),
                self.table()
            ),
            3 => format!(
                "WITH x AS (SELECT * FROM {table}) SELECT {what} FROM x WHERE {}",
                self.condition()
            ),
            4 => format!("SELECT {what}, COUNT(*) FROM {table} GROUP BY 1 ORDER BY 1"),
            5 => format!("SELECT {what} FROM {table} ORDER BY 1 DESC LIMIT 3"),
            _ => format!("SELECT {what} FROM {table} WHERE {}", self.condition()),
        }
    }

    fn about(&mut self) -> String {
        let table = self.table();
        match self.0.below(16) {
            0 => format!("DESCRIBE {table}"),
            1 => format!("SHOW CREATE TABLE {table}"),
            2 => format!("SHOW STATS FOR TABLE {table}"),
            3 => format!("SHOW MANIFEST FOR {table}"),
            4 => "SHOW TABLES".to_owned(),
            5 => "SHOW NAMESPACES".to_owned(),
            6 => "SELECT * FROM information_schema.tables ORDER BY table_name".to_owned(),
            7 => "SELECT * FROM information_schema.columns ORDER BY table_name, ordinal_position"
                .to_owned(),
            8 => "SELECT * FROM information_schema.key_column_usage".to_owned(),
            9 => "SELECT * FROM system.users".to_owned(),
            10 => "SELECT * FROM system.audit_log".to_owned(),
            11 => "SELECT * FROM system.manifest".to_owned(),
            12 => format!("SELECT * FROM all_users('{table}')"),
            13 => "EXECUTE AS USER 'zqxcanary-bob' (SELECT * FROM note)".to_owned(),
            14 => "SELECT * FROM system.stats".to_owned(),
            _ => "SHOW STORAGES".to_owned(),
        }
    }

    fn change(&mut self) -> String {
        let (table, value, condition) = (self.table(), self.value(), self.condition());
        match self.0.below(6) {
            0 => format!("INSERT INTO {table} (id, text) VALUES (1, 'again')"),
            1 => format!("INSERT INTO {table} SELECT * FROM {}", self.table()),
            2 => format!("UPDATE {table} SET id = 1 WHERE id > {value}"),
            3 => format!("UPDATE {table} SET n = 10 / (id - {value}) WHERE {condition}"),
            4 => format!("DELETE FROM {table} WHERE {condition}"),
            _ => format!("INSERT INTO pair VALUES ('p', {value}, 1)"),
        }
    }

    /// The statement, and whether its answer is the same every time.
    fn statement(&mut self) -> (String, bool) {
        match self.0.below(10) {
            0 => (format!("EXPLAIN {}", self.query()), false),
            1 => (format!("EXPLAIN VERBOSE {}", self.query()), false),
            2 => (format!("EXPLAIN ANALYZE {}", self.query()), false),
            3 | 4 => (self.about(), true),
            5 => (self.change(), true),
            _ => (self.query(), true),
        }
    }
}

/// An answer as text: rows, or the whole error.
fn answer(session: &Session, sql: &str) -> String {
    match try_rows(session, sql) {
        Ok(rows) => sorted(rows),
        Err(e) => full_text(&e),
    }
}

fn sorted(mut rows: Rows) -> String {
    rows.sort();
    format!("{rows:?}")
}

/// Whether a text tells of others. What the statement itself says, an error may repeat.
fn tells(text: &str, sql: &str) -> bool {
    let known = |needle: &str| text.contains(needle) && !sql.contains(needle);
    known(CANARY) || known("770077007") || known("carol")
}

#[test]
fn nothing_of_others_is_in_any_answer() {
    let statements = number_from("KALAM_CANARY", STATEMENTS);
    let seed_of_run = number_from("KALAM_CANARY_SEED", 0);
    let fixture = house();
    for (user, role, seed) in
        [("alice", Role::User, 1), ("alice", Role::User, 2), ("anonymous", Role::Anonymous, 3)]
    {
        let session = fixture.database().session(user, role, None).expect("a valid user id");
        let mut curious = Curious(Seeded(seed_of_run * 10 + seed));
        let mut succeeded: u64 = 0;
        for _ in 0..statements / 3 {
            let (sql, _) = curious.statement();
            // What changes rows is tried and undone, so that the next sees the same.
            run(&session, "BEGIN");
            let text = answer(&session, &sql);
            run(&session, "ROLLBACK");
            assert!(!tells(&text, &sql), "{role}: {sql}\n{text}");
            succeeded += u64::from(text.starts_with("[["));
        }
        let least = if role == Role::User { statements / 20 } else { statements / 100 };
        assert!(succeeded > least, "only {succeeded} statements of {role} had rows");
    }
}

#[test]
fn no_answer_changes_because_others_write() {
    let fixture = house();
    let alice = fixture.user("alice");
    let mut curious = Curious(Seeded(4));
    let statements: Vec<String> = std::iter::repeat_with(|| curious.statement())
        .filter_map(|(sql, is_stable)| is_stable.then_some(sql))
        // Numbers of commits are the one thing that others move.
        .filter(|sql| !sql.contains("_seq") && !sql.contains("SHOW STATS"))
        .take(STATEMENTS as usize / 10)
        .collect();
    let ask = || -> Vec<String> {
        statements
            .iter()
            .map(|sql| {
                run(&alice, "BEGIN");
                let answer = try_rows(&alice, sql).map(sorted);
                run(&alice, "ROLLBACK");
                // Of several wrong values, an error names the one that is read first.
                answer.unwrap_or_else(|e| e.sqlstate().to_string())
            })
            .collect()
    };
    let before = ask();
    for (round, flush) in [(2, false), (3, true), (4, false)] {
        write_as_others(&fixture, round);
        if flush {
            fixture.run("STORAGE FLUSH ALL");
        }
        for ((sql, before), after) in statements.iter().zip(&before).zip(ask()) {
            assert_eq!(*before, after, "{sql}");
        }
    }
}

#[test]
fn a_key_of_others_is_free_and_a_plan_counts_own_rows() {
    let fixture = house();
    let alice = fixture.user("alice");
    run(&alice, &format!("INSERT INTO note VALUES ({CANARY_NUMBER}, 'mine', 1, NULL)"));
    let prepared = alice.prepare("SELECT COUNT(*) FROM note").expect("it can be prepared");
    let rows = alice.execute_prepared(&prepared, &Params::None).and_then(|r| r.collect());
    assert_eq!(rows.expect("it runs")[0].num_rows(), 1);
    // The plan that alice's query left is found by bob, and reads bob's rows.
    for (user, own) in [("alice", "4"), ("zqxcanary-bob", "4"), ("dora", "0")] {
        let session = fixture.user(user);
        let counted = try_rows(&session, "SELECT COUNT(*) FROM note").expect("it runs");
        assert_eq!(counted, [[own]], "{user}");
    }
}
