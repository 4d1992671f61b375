//! Tests of the parser.

use super::*;
use crate::executor::modify_statement::{
    ConflictTarget, InsertSource, InsertValue, Matching, MergeAction,
};
use crate::executor::statement::Statement;
use crate::{ErrorKind, Position};

fn one(sql: &str) -> Statement {
    let mut parsed = parse(sql).unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    assert_eq!(parsed.len(), 1, "{sql}");
    parsed.remove(0).statement
}

fn refused(sql: &str) -> Error {
    match parse(sql) {
        Ok(_) => panic!("{sql} is accepted"),
        Err(e) => e,
    }
}

fn code(sql: &str) -> &'static str {
    refused(sql).sqlstate().as_str()
}

#[test]
fn every_statement_form_is_recognized() {
    for (sql, name) in [
        ("create namespace if not exists App", "CREATE NAMESPACE"),
        ("DROP NAMESPACE IF EXISTS app CASCADE", "DROP NAMESPACE"),
        ("USE app", "USE"),
        ("SHOW NAMESPACES", "SHOW NAMESPACES"),
        ("SHOW TABLES", "SHOW TABLES"),
        ("SHOW TABLES IN app", "SHOW TABLES"),
        ("DESCRIBE app.t", "DESCRIBE"),
        ("DESC TABLE t", "DESCRIBE"),
        ("CREATE USER TABLE IF NOT EXISTS app.t (a INT)", "CREATE TABLE"),
        ("DROP TABLE IF EXISTS a, b.c", "DROP TABLE"),
        ("INSERT INTO t VALUES (1)", "INSERT"),
        ("UPDATE t SET a = 1", "UPDATE"),
        ("DELETE FROM t", "DELETE"),
        ("SELECT 1", "SELECT"),
        ("(SELECT 1) UNION ALL (SELECT 2)", "SELECT"),
        ("WITH x AS (SELECT 1) SELECT * FROM x", "SELECT"),
        ("VALUES (1), (2)", "SELECT"),
        ("FROM t SELECT a", "SELECT"),
        ("EXPLAIN SELECT 1", "EXPLAIN"),
        ("EXPLAIN ANALYZE VERBOSE SELECT 1", "EXPLAIN"),
        ("EXPLAIN (ANALYZE, VERBOSE off) SELECT 1", "EXPLAIN"),
        ("STORAGE FLUSH TABLE app.t", "STORAGE FLUSH TABLE"),
        ("STORAGE FLUSH ALL IN app", "STORAGE FLUSH ALL"),
        ("STORAGE COMPACT TABLE app.t", "STORAGE COMPACT TABLE"),
        ("STORAGE COMPACT ALL IN app", "STORAGE COMPACT ALL"),
        ("VACUUM app.t", "VACUUM"),
        ("VACUUM", "VACUUM"),
        ("ANALYZE app.t", "ANALYZE"),
        ("ANALYZE", "ANALYZE"),
        ("SHOW MANIFEST FOR t", "SHOW MANIFEST"),
        ("SHOW STATS FOR TABLE t", "SHOW STATS"),
        ("SHOW CREATE TABLE t", "SHOW CREATE TABLE"),
        ("CREATE USER 'u' WITH PASSWORD 'x' ROLE user", "CREATE USER"),
        ("CREATE USER IF NOT EXISTS u ROLE dba", "CREATE USER"),
        ("ALTER USER ? SET PASSWORD ?", "ALTER USER"),
        ("DROP USER IF EXISTS 'u'", "DROP USER"),
        ("EXECUTE AS USER 'u' (SELECT (1))", "EXECUTE AS USER"),
    ] {
        assert_eq!(one(sql).name(), name, "{sql}");
        assert_eq!(one(&format!(" {sql} ; -- end")).name(), name, "{sql}");
        assert_eq!(code(&format!("{sql} )")), "42601", "{sql} )");
    }
}

#[test]
fn names_fold_to_lower_case_unless_quoted() {
    let Statement::DropTable { names, if_exists, .. } = one("DROP TABLE App.\"T x\", Café") else {
        panic!("no DROP TABLE");
    };
    assert!(!if_exists);
    assert_eq!(names[0].namespace.as_deref(), Some("app"));
    assert_eq!(names[0].table, "T x");
    assert_eq!(names[0].position, Position { line: 1, column: 12 });
    assert_eq!(names[1].table, "café");
    assert_eq!(code("DROP TABLE a.b.c"), "0A000");
}

#[test]
fn insert_keeps_columns_values_and_defaults() {
    let Statement::Insert(insert) = one("INSERT INTO app.t (A, b) VALUES (1, DEFAULT), (?, 'x')")
    else {
        panic!("no INSERT");
    };
    assert_eq!(insert.columns.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    let InsertSource::Values(rows) = &insert.source else { panic!("no VALUES") };
    assert_eq!(rows[0][1], InsertValue::Default);
    assert!(matches!(&rows[1][0], InsertValue::Expr(e) if e.to_string() == "$1"));
    for sql in [
        "INSERT INTO t SELECT * FROM u",
        "INSERT INTO t (a) (SELECT 1)",
        "INSERT INTO t (SELECT 1)",
        "INSERT INTO t (a) WITH x AS (SELECT 1) SELECT * FROM x",
        "INSERT INTO t AS x SELECT 1",
    ] {
        let Statement::Insert(insert) = one(sql) else { panic!("no INSERT") };
        assert!(matches!(insert.source, InsertSource::Query(_)), "{sql}");
    }
    let Statement::Insert(insert) = one("INSERT INTO t DEFAULT VALUES") else {
        panic!("no INSERT")
    };
    assert_eq!(insert.source, InsertSource::DefaultValues);
    assert_eq!(code("INSERT INTO t VALUES (1), (1, 2)"), "42601");
    assert_eq!(code("INSERT INTO t VALUES ()"), "42601");
}

#[test]
fn on_conflict_names_a_key_and_an_action() {
    let insert = |sql: &str| match one(sql) {
        Statement::Insert(insert) => insert,
        other => panic!("{} is no INSERT", other.name()),
    };
    let clause = |sql: &str| insert(sql).on_conflict.expect("there is ON CONFLICT");
    let nothing = clause("INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING");
    assert_eq!((nothing.target, nothing.update), (ConflictTarget::Any, None));
    let named = clause("INSERT INTO t VALUES (1) ON CONFLICT ON CONSTRAINT K DO NOTHING");
    assert_eq!(named.target, ConflictTarget::Constraint("k".into()));
    let sql = "INSERT INTO t AS X VALUES (1) ON CONFLICT (A, b) DO UPDATE SET a = excluded.a, \
        x.b = DEFAULT WHERE x.a > 1 RETURNING *, a + 1 AS c";
    let update = clause(sql);
    assert!(matches!(&update.target, ConflictTarget::Columns(c) if c[0].0 == "a" && c.len() == 2));
    let update = update.update.expect("it updates");
    assert_eq!(update.assignments.len(), 2);
    assert!(update.selection.is_some());
    let insert = insert(sql);
    assert_eq!((insert.alias.as_deref(), insert.returning.len()), (Some("x"), 2));
    assert_eq!(code("INSERT INTO t VALUES (1) ON CONFLICT DO UPDATE SET a = 1"), "42601");
    assert_eq!(code("INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE"), "42601");
}

#[test]
fn merge_reads_its_clauses_in_order() {
    let sql = "MERGE INTO t AS x USING (SELECT 1 AS a) AS S ON x.a = s.a \
        WHEN MATCHED AND x.b THEN UPDATE SET b = s.a WHEN MATCHED THEN DELETE \
        WHEN NOT MATCHED AND s.a > 1 THEN INSERT (a) VALUES (s.a) \
        WHEN NOT MATCHED BY TARGET THEN INSERT DEFAULT VALUES \
        WHEN NOT MATCHED BY SOURCE THEN DO NOTHING RETURNING x.a";
    let Statement::Merge(merge) = one(sql) else { panic!("no MERGE") };
    assert_eq!((merge.source_name.as_str(), merge.alias.as_deref()), ("s", Some("x")));
    let matching: Vec<Matching> = merge.clauses.iter().map(|clause| clause.matching).collect();
    use Matching::{Matched, NotMatchedBySource, NotMatchedByTarget};
    assert_eq!(
        matching,
        [Matched, Matched, NotMatchedByTarget, NotMatchedByTarget, NotMatchedBySource]
    );
    assert!(
        matches!(&merge.clauses[3].action, MergeAction::Insert(c, v) if c.len() + v.len() == 0)
    );
    let merge = |rest: &str| code(&format!("MERGE INTO t USING u ON t.a = u.a {rest}"));
    assert_eq!(merge(""), "42601");
    assert_eq!(merge("WHEN MATCHED THEN INSERT VALUES (1)"), "42601");
    assert_eq!(merge("WHEN NOT MATCHED THEN DELETE"), "42601");
    assert_eq!(merge("WHEN MATCHED THEN DELETE WHEN MATCHED THEN DO NOTHING"), "42601");
    assert_eq!(merge("WHEN NOT MATCHED THEN INSERT (a) VALUES (1, 2)"), "42601");
}

#[test]
fn update_and_delete_keep_alias_assignments_and_selection() {
    let sql = "UPDATE App.T AS x SET A = a + 1, x.b = DEFAULT, (c, d) = (1, 2) WHERE x.id IN \
        (SELECT 1)";
    let Statement::Update(update) = one(sql) else { panic!("no UPDATE") };
    assert_eq!(update.alias.as_deref(), Some("x"));
    let columns: Vec<&str> = update.assignments.iter().map(|(n, ..)| n.as_str()).collect();
    assert_eq!(columns, ["a", "b", "c", "d"]);
    assert_eq!(update.assignments[1].2, InsertValue::Default);
    assert!(update.selection.is_some());
    let Statement::Delete(delete) = one("DELETE FROM t d WHERE d.a = 1") else {
        panic!("no DELETE")
    };
    assert_eq!(delete.alias.as_deref(), Some("d"));
    assert!(delete.selection.is_some());
    for sql in [
        "UPDATE t SET a = 1 ORDER BY a",
        "UPDATE t SET a = 1 LIMIT 1",
        "DELETE FROM t ORDER BY a",
        "DELETE FROM t LIMIT 1",
        "DELETE FROM t WHERE a IN (SELECT 1 FROM u FOR UPDATE)",
    ] {
        assert_eq!(code(sql), "0A000", "{sql}");
    }
    assert_eq!(code("UPDATE t SET a = 1, A = 2"), "42601");
    assert_eq!(code("UPDATE t SET (a, b) = (1)"), "42601");
    assert_eq!(code("UPDATE t SET u.a = 1"), "42P01");
}

#[test]
fn statements_of_other_systems_are_named_and_refused() {
    for (sql, message) in [
        ("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 'x'", "CREATE EXTERNAL TABLE"),
        ("COPY t TO STDOUT", "COPY with STDOUT"),
        ("TABLE t", "TABLE"),
        ("SELECT 1 UNION TABLE t", "TABLE instead of SELECT"),
        ("SET ROLE dba", "SET"),
        ("GRANT SELECT ON t TO u", "GRANT"),
        ("CREATE INDEX i ON t (a)", "CREATE INDEX"),
        ("CREATE UNIQUE INDEX i ON t (a)", "CREATE UNIQUE INDEX"),
        ("ALTER VIEW v RENAME TO w", "ALTER VIEW"),
        ("CREATE TEMP TABLE t (a INT)", "CREATE TEMP TABLE"),
        ("PREPARE TRANSACTION 'p'", "PREPARE TRANSACTION"),
        ("EXPLAIN CREATE TABLE t (a INT)", "EXPLAIN CREATE"),
        ("EXPLAIN COPY t TO 'x'", "EXPLAIN COPY"),
        ("CREATE TABLE t (a INT) PARTITION BY (a)", "CREATE TABLE .. PARTITION"),
        ("SELECT 1 INTO t", "SELECT .. INTO"),
        ("SELECT * FROM t FOR UPDATE", "SELECT .. FOR UPDATE or FOR SHARE"),
        ("WITH x AS (DELETE FROM t RETURNING a) SELECT * FROM x", "DELETE inside a query"),
    ] {
        let error = refused(sql);
        assert_eq!(error.sqlstate().as_str(), "0A000", "{sql}: {error:?}");
        assert_eq!(error.message(), format!("{message} is not supported"), "{sql}");
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.position().is_some() || sql.contains("UNION"), "{sql}");
    }
}

#[test]
fn constraints_that_would_not_be_enforced_are_refused() {
    for (sql, name) in [
        ("CREATE TABLE t (a INT REFERENCES u (a))", "REFERENCES"),
        ("CREATE TABLE t (a INT, FOREIGN KEY (a) REFERENCES u (a))", "FOREIGN KEY"),
        ("CREATE TABLE t (a INT CONSTRAINT c REFERENCES u (a))", "REFERENCES"),
    ] {
        let error = refused(sql);
        assert_eq!(error.sqlstate().as_str(), "0A000", "{sql}");
        assert_eq!(error.message(), format!("constraint {name} is not supported"));
    }
    assert_eq!(code("CREATE TABLE t (a INT GENERATED ALWAYS AS (1))"), "0A000");
    assert_eq!(code("CREATE TABLE t (a TEXT COLLATE x)"), "0A000");
    assert_eq!(code("CREATE TABLE t (a INT NULL NOT NULL)"), "42601");
    assert_eq!(code("CREATE TABLE t (a INT b)"), "42601");
    one(
        "CREATE TABLE t (check INT, \"unique\" TEXT, comment TEXT, CONSTRAINT k PRIMARY KEY (check))",
    );
}

#[test]
fn a_syntax_error_names_the_token_and_points_at_it() {
    let error = refused("SELECT *\n  FORM t");
    assert_eq!(error.message(), "syntax error at or near \"FORM\"");
    assert_eq!(error.position(), Some(Position { line: 2, column: 3 }));
    assert_eq!(error.detail(), Some("line 2:   FORM t\n          ^"));
    for (sql, near, column) in [
        ("SELEC 1", "SELEC", 1),
        ("SELECT 1 2", "2", 10),
        ("INSERT INTO t (a VALUES (1)", "VALUES", 18),
        ("CREATE TABLE t (a INT,)", ")", 23),
        ("CREATE TABLE 1 (a INT)", "1", 14),
        ("DROP TABLE", "", 11),
        ("SELECT (1", "", 10),
        ("UPDATE t SET a 1", "1", 16),
        ("STORAGE FLUSH t", "t", 15),
        ("CREATE FOO x", "CREATE", 1),
    ] {
        let error = refused(sql);
        assert_eq!(error.sqlstate().as_str(), "42601", "{sql}");
        let expected = match near {
            "" => "syntax error at end of statement".to_owned(),
            near => format!("syntax error at or near \"{near}\""),
        };
        assert_eq!(error.message(), expected, "{sql}");
        assert_eq!(error.position(), Some(Position { line: 1, column }), "{sql}");
    }
    assert!(refused("SELECT 'a").message().contains("nterminated string"));
    assert_eq!(refused("").message(), "statement is empty");
    assert_eq!(refused(" ; -- nothing\n ;").message(), "statement is empty");
}

#[test]
fn a_long_line_is_cut_around_the_place() {
    let error = refused(&format!("SELECT {} FORM FORM t", "a, ".repeat(500)));
    let detail = error.detail().expect("there is a line");
    assert!(detail.chars().count() < 300, "{detail}");
    let (line, caret) = detail.split_once('\n').expect("two lines");
    assert!(
        line[caret.len() - 1..].starts_with('t') || line[caret.len() - 1..].starts_with("FORM")
    );
}

#[test]
fn several_statements_have_their_own_parameters() {
    let parsed = parse("SELECT ?; INSERT INTO t VALUES (?, ?);; SELECT $1 ;").expect("valid");
    let counts: Vec<usize> = parsed.iter().map(|p| p.placeholders.count).collect();
    assert_eq!(counts, [1, 2, 1]);
}

#[test]
fn what_datafusion_plans_is_read() {
    for sql in [
        "SELECT a, count(*) FROM t GROUP BY ALL",
        "SELECT * EXCLUDE (a) FROM t",
        "SELECT * EXCEPT (a) FROM t",
        "SELECT * REPLACE (a + 1 AS a) FROM t",
        "SELECT t.* FROM t QUALIFY row_number() OVER (PARTITION BY a ORDER BY b) = 1",
        "SELECT sum(a) FILTER (WHERE a > 1) FROM t",
        "SELECT first_value(a IGNORE NULLS) OVER w FROM t WINDOW w AS (ORDER BY b)",
        "SELECT a FROM t GROUP BY GROUPING SETS ((a), ()), ROLLUP (a), CUBE (a)",
        "WITH RECURSIVE x AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM x) SELECT * FROM x",
        "SELECT a[1], a[1:2], [1, 2], {'k': 1} FROM t",
        "SELECT DISTINCT ON (a) a FROM t ORDER BY a LIMIT 1 OFFSET 2",
        "SELECT a::TEXT, CAST(a AS BIGINT), EXTRACT(year FROM b), INTERVAL '1 day' FROM t",
        "SELECT v <-> w, v <=> w, v <#> w, j -> 'a' ->> 'b', j @> '{}', j ? 'k' FROM t",
        "SELECT * FROM a LEFT JOIN b USING (x) CROSS JOIN LATERAL (SELECT 1) c, unnest([1]) u",
        "SELECT a >-1, a>=-1, a<-1, a||-1, 1_000 FROM t",
        "SELECT $$text$$, E'\\n', U&'\\0041', 0xff",
        "SELECT a, FROM t",
    ] {
        one(sql);
    }
}

#[test]
fn hostile_texts_are_refused_on_a_small_stack() {
    let deep =
        |open: &str, close: &str| format!("SELECT {}1{}", open.repeat(4_000), close.repeat(4_000));
    let texts = vec![
        "x".repeat((1 << 20) + 1),
        deep("(", ")"),
        deep("[", "]"),
        deep("NOT ", ""),
        deep("- ", ""),
        deep("CASE WHEN ", " THEN 1 END"),
        deep("INTERVAL ", ""),
        deep("f(", ")"),
        deep("(SELECT ", ")"),
        format!("SELECT * FROM {}t{}", "(".repeat(4_000), ")".repeat(4_000)),
        format!("SELECT 1 {}", "UNION ALL SELECT 1 ".repeat(2_000)),
        format!("SELECT 1 {}", "+ 1 ".repeat(20_000)),
        format!("SELECT 1 WHERE a {}", "OR a ".repeat(20_000)),
        format!("SELECT * FROM {} t", "t, ".repeat(2_000)),
        format!("SELECT * FROM t {}", "JOIN t USING (a) ".repeat(2_000)),
        format!("WITH {} z AS (SELECT 1) SELECT 1", "a AS (SELECT 1), ".repeat(2_000)),
        format!("SELECT {}?", "?, ".repeat(70_000)),
        deep_queries(17),
        doubling_ctes(20),
        format!("CREATE TABLE t ({} z INT)", "a INT, ".repeat(2_000)),
    ];
    on_small_stack(move || {
        for text in texts {
            let head: String = text.chars().take(40).collect();
            assert_eq!(code(&text), "54000", "{head}");
        }
    });
}

fn deep_queries(levels: usize) -> String {
    format!("SELECT {}1{}", "(SELECT ".repeat(levels), ")".repeat(levels))
}

fn doubling_ctes(levels: usize) -> String {
    let double = |n: usize| format!(", c{n} AS (SELECT * FROM c{0} a, c{0} b)", n - 1);
    let doubled: String = (1..=levels).map(double).collect();
    format!("WITH c0 AS (SELECT * FROM t){doubled} SELECT * FROM c{levels}")
}

#[test]
fn texts_that_make_the_parser_go_back_end_soon() {
    // Without fuel most of these take longer than anyone waits.
    let texts = vec![
        format!("SELECT {}1", "NOT(".repeat(60)),
        format!("SELECT {}1{}", "f(".repeat(60), ")".repeat(59)),
        format!("SELECT * FROM {}", "((SELECT * FROM ".repeat(60)),
        format!("SELECT * FROM {}t{}", "((SELECT 1 FROM ".repeat(20), ") a JOIN b) ".repeat(20)),
        format!("SELECT {}", "CASE ".repeat(100)),
        format!("SELECT {}", "CAST(".repeat(100)),
        format!("SELECT {}", "a IN ((".repeat(60)),
        format!("SELECT {}", "EXISTS (SELECT ".repeat(60)),
    ];
    on_small_stack(move || {
        for text in texts {
            let head: String = text.chars().take(40).collect();
            assert!(["42601", "54000"].contains(&code(&text)), "{head}");
        }
    });
}

#[test]
fn statements_at_the_limits_parse_on_a_small_stack() {
    on_small_stack(|| {
        one(&format!("SELECT {}1{}", "(".repeat(120), ")".repeat(120)));
        one(&format!("SELECT 1 WHERE a = 1 {}", "OR t.a = 1 ".repeat(4_900)));
        one(&format!("DELETE FROM t WHERE a = 1 {}", "AND a = 1 ".repeat(4_900)));
        assert_eq!(code(&format!("SELECT 1 WHERE a {} )", "OR a ".repeat(4_900))), "42601");
        one(&format!("SELECT 1 {}", "+ 1 ".repeat(990)));
        one(&format!("SELECT 1 {}", "UNION ALL SELECT 1 ".repeat(450)));
        one(&deep_queries(16));
        one(&doubling_ctes(8));
        one(&format!("INSERT INTO t VALUES {}(-1, 'x')", "(-1, 'x'), ".repeat(50_000)));
        one(&format!("SELECT a IN ({}1)", "-1, ".repeat(100_000)));
    });
}

#[test]
fn statements_at_the_limits_run_on_a_small_stack() {
    use datafusion::execution::context::SessionContext;
    use datafusion::sql::parser::Statement as DfStatement;
    use datafusion::sql::sqlparser::ast::Statement as SqlStatement;

    on_small_stack(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        for sql in [
            format!("SELECT {}1{}", "(".repeat(120), ")".repeat(120)),
            format!("SELECT {}1{}", "abs(".repeat(120), ")".repeat(120)),
            format!("SELECT {}1{}", "(SELECT ".repeat(12), ")".repeat(12)),
            format!("SELECT * FROM {}(SELECT 1){}", "(SELECT * FROM ".repeat(15), ")".repeat(15)),
            format!("SELECT {}1{}", "CASE WHEN true THEN ".repeat(120), " END".repeat(120)),
            format!("SELECT {}true", "NOT ".repeat(120)),
            format!("SELECT 1 FROM (VALUES (1)) t (a) WHERE a = 1 {}", "OR a = 1 ".repeat(4_900)),
            format!("SELECT 1 {}", "+ 1 ".repeat(990)),
            format!("SELECT 'a' {}", "|| 'a' ".repeat(990)),
            format!("SELECT 1 {}", "UNION ALL SELECT 1 ".repeat(450)),
            format!("SELECT 1 {}", "UNION SELECT 1 ".repeat(100)),
            format!("SELECT 1 {}", "+ 1 ".repeat(990)) + " UNION SELECT 1",
        ] {
            let head: String = sql.chars().take(60).collect();
            let Statement::Query(query) = one(&sql) else { panic!("no query") };
            let context = SessionContext::new();
            let statement =
                DfStatement::Statement(Box::new(SqlStatement::Query(query.into_inner())));
            let ran = runtime.block_on(async {
                let plan = context.state().statement_to_plan(statement).await?;
                context.execute_logical_plan(plan).await?.collect().await
            });
            assert!(ran.is_ok(), "{head}: {ran:?}");
        }
    });
}

#[test]
fn chains_of_and_and_or_are_balanced() {
    let where_of = |sql: &str| match one(sql) {
        Statement::Delete(delete) => delete.selection.expect("there is a WHERE"),
        other => panic!("{} is no DELETE", other.name()),
    };
    let balanced = where_of("DELETE FROM t WHERE a OR b OR c AND d AND e OR f");
    let spelled = where_of("DELETE FROM t WHERE (a OR b) OR (((c AND d) AND e) OR f)");
    let plain =
        |expr: datafusion::sql::sqlparser::ast::Expr| expr.to_string().replace(['(', ')'], "");
    assert_eq!(plain(balanced.clone()), plain(spelled));
    let datafusion::sql::sqlparser::ast::Expr::BinaryOp { right, .. } = balanced else {
        panic!("no chain");
    };
    assert_eq!(right.to_string(), "c AND d AND e OR f");
}

fn on_small_stack(test: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(test)
        .expect("a thread starts")
        .join()
        .expect("the test does not fail");
}
