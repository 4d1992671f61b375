//! Definitions after ALTER TABLE.

use std::sync::Arc;

use super::*;
use crate::catalog::TableDefinition;
use crate::env::{IdSource, ManualClock};
use crate::executor::define_table::tests::define;
use crate::executor::parse::parse;
use crate::executor::statement::Statement;

fn actions(sql: &str) -> Vec<AlterAction> {
    match parse(&format!("ALTER TABLE t {sql}")).expect(sql).remove(0).statement {
        Statement::AlterTable(alter) => alter.actions,
        other => panic!("{} is no ALTER TABLE", other.name()),
    }
}

fn try_alter(table: &TableDefinition, sql: &str) -> Result<Option<Altered>> {
    let ids = IdSource::new(Arc::new(ManualClock::new(1_800_000_000_000)), 0);
    let context = DefaultContext { now_us: 1_000_000, user: "ada", role: "dba", ids: &ids };
    alter_table(table, &actions(sql), &context)
}

fn alter(table: &TableDefinition, sql: &str) -> Altered {
    try_alter(table, sql).expect(sql).expect("it changes something")
}

fn code(table: &TableDefinition, sql: &str) -> &'static str {
    match try_alter(table, sql) {
        Ok(_) => panic!("{sql} is not refused"),
        Err(e) => e.sqlstate().as_str(),
    }
}

fn names(table: &TableDefinition) -> Vec<&str> {
    table.columns.iter().map(|c| c.name.as_str()).collect()
}

fn table() -> TableDefinition {
    define(
        "CREATE TABLE t (id INT PRIMARY KEY, a SMALLINT, b VARCHAR(5) DEFAULT 'x', d DECIMAL(4, 1))",
    )
    .expect("valid")
}

#[test]
fn ids_are_never_given_twice_and_ordinals_keep_their_gaps() {
    let dropped = alter(&table(), "DROP COLUMN d").definition;
    let again = alter(&dropped, "ADD COLUMN d INT").definition;
    assert_eq!(names(&again), ["id", "a", "b", "d"]);
    let added = again.column("d").expect("it was added");
    assert_eq!((added.id, added.ordinal), (ColumnId(5), 5));
    assert_eq!((again.version, again.next_column_id), (SchemaVersion(3), ColumnId(6)));
    let changes: Vec<&str> = again.history.iter().map(|v| v.change.as_str()).collect();
    assert_eq!(changes, ["create table", "drop column \"d\"", "add column \"d\""]);
    assert_eq!(again.columns_at(SchemaVersion(2)).expect("it is kept").len(), 3);
}

#[test]
fn columns_go_before_others_come_whatever_the_order() {
    let swapped = alter(&table(), "ADD COLUMN a TEXT, DROP COLUMN a, ALTER b TYPE TEXT").definition;
    assert_eq!(names(&swapped), ["id", "b", "d", "a"]);
    assert_eq!(swapped.version, SchemaVersion(2));
    assert_eq!(swapped.column("b").and_then(|c| c.chars_max), None);
}

#[test]
fn what_changes_nothing_makes_no_version() {
    for sql in [
        "ADD COLUMN IF NOT EXISTS a TEXT",
        "DROP COLUMN IF EXISTS z",
        "ALTER COLUMN a TYPE INT2",
        "ALTER COLUMN a DROP DEFAULT",
        "ALTER COLUMN a DROP NOT NULL",
        "ALTER COLUMN id SET NOT NULL",
        "SET (COMPRESSION = 'zstd')",
    ] {
        assert!(try_alter(&table(), sql).expect(sql).is_none(), "{sql}");
    }
}

#[test]
fn an_initial_value_is_that_of_the_moment_and_follows_the_type() {
    let added = alter(&table(), "ADD COLUMN n SMALLINT NOT NULL DEFAULT 7");
    assert_eq!(added.promises, []);
    let column = |table: &TableDefinition| table.column("n").expect("it is there").clone();
    assert_eq!(column(&added.definition).initial, Some(vec![7, 0]));
    let other = alter(&added.definition, "ALTER n SET DEFAULT 8").definition;
    assert_eq!(column(&other).initial, Some(vec![7, 0]));
    let wide = alter(&other, "ALTER n TYPE BIGINT").definition;
    assert_eq!(column(&wide).initial, Some(vec![7, 0, 0, 0, 0, 0, 0, 0]));
    let text = alter(&wide, "ALTER n TYPE TEXT").definition;
    assert_eq!(column(&text).initial, Some(b"7".to_vec()));
    assert_eq!(column(&text).text_of, Some(KalamDataType::BigInt));
    let user = alter(&table(), "ADD COLUMN who TEXT DEFAULT CURRENT_USER()").definition;
    assert_eq!(user.column("who").and_then(|c| c.initial.clone()), Some(b"ada".to_vec()));
}

#[test]
fn promises_are_what_rows_have_to_hold() {
    let promises = |sql| alter(&table(), sql).promises;
    assert_eq!(promises("ALTER a SET NOT NULL"), [Promise::NotNull("a".into())]);
    assert_eq!(promises("ADD n INT NOT NULL"), [Promise::NoRowsWithout("n".into())]);
    assert_eq!(promises("ADD n INT, ALTER n SET NOT NULL"), [Promise::NoRowsWithout("n".into())]);
    assert_eq!(promises("ADD n INT DEFAULT 1, ALTER n SET NOT NULL"), []);
    let own = Promise::NoRowsWithOwn("n".into(), "ULID()".into());
    assert_eq!(promises("ADD n TEXT DEFAULT ULID()"), [own]);
}

#[test]
fn wider_types_are_taken_and_others_refused() {
    for sql in [
        "ALTER a TYPE INT",
        "ALTER a SET DATA TYPE BIGINT",
        "ALTER a TYPE TEXT",
        "ALTER b TYPE VARCHAR(6)",
        "ALTER b TYPE TEXT",
        "ALTER d TYPE DECIMAL(6, 3)",
    ] {
        alter(&table(), sql);
    }
    for sql in [
        "ALTER a TYPE BOOLEAN",
        "ALTER a TYPE DOUBLE",
        "ALTER a TYPE VARCHAR(9)",
        "ALTER b TYPE VARCHAR(4)",
        "ALTER b TYPE INT",
        "ALTER d TYPE DECIMAL(4, 2)",
        "ALTER id TYPE BIGINT",
        "ALTER a TYPE SERIAL",
        "DROP COLUMN id",
        "ADD COLUMN k INT PRIMARY KEY",
        "SET (TYPE = 'USER')",
    ] {
        assert_eq!(code(&table(), sql), "0A000", "{sql}");
    }
    let priced =
        define("CREATE TABLE t (d DECIMAL(4, 1) PRIMARY KEY, k VARCHAR(3))").expect("valid");
    alter(&priced, "ALTER d TYPE DECIMAL(9, 1)");
    assert_eq!(code(&priced, "ALTER d TYPE DECIMAL(9, 2)"), "0A000");
}

#[test]
fn names_have_to_be_free_and_columns_there() {
    for (sql, expected) in [
        ("ADD COLUMN a INT", "42701"),
        ("ADD COLUMN \"A\" INT", "42701"),
        ("ADD COLUMN _seq INT", "42602"),
        ("ADD n INT, ADD n INT", "42701"),
        ("RENAME COLUMN a TO b", "42701"),
        ("RENAME COLUMN a TO a", "42701"),
        ("RENAME COLUMN a TO _deleted", "42602"),
        ("RENAME COLUMN z TO y", "42703"),
        ("DROP COLUMN z", "42703"),
        ("ALTER z SET NOT NULL", "42703"),
        ("ALTER id DROP NOT NULL", "42P16"),
        ("ALTER a SET DEFAULT 'x'", "22P02"),
        ("SET (NOPE = 1)", "22023"),
    ] {
        assert_eq!(code(&table(), sql), expected, "{sql}");
    }
    let renamed = alter(&table(), "RENAME COLUMN a TO \"A\"").definition;
    assert_eq!(names(&renamed), ["id", "A", "b", "d"]);
    let last = define("CREATE TABLE t (a INT)").expect("valid");
    assert_eq!(code(&last, "DROP COLUMN a"), "42P16");
}

#[test]
fn a_default_has_to_fit_the_new_type() {
    let table = define("CREATE TABLE t (a INT, f FLOAT DEFAULT 0.5, t TIME DEFAULT '10:00:00')");
    let table = table.expect("valid");
    let text = alter(&table, "ALTER t TYPE TEXT").definition;
    let default = text.column("t").and_then(|c| c.default.as_ref()).expect("it stays");
    assert_eq!(default.expression, "'10:00:00'");
    alter(&table, "ALTER f TYPE DOUBLE");
}
