//! What EXPLAIN shows: how a statement gets at its rows, as lines of text.

mod tree;

use std::sync::Arc;
use std::time::Instant;

use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlan, displayable};

use self::tree::{has_node, is_key_ordered, reads_newest, tree};
use super::engine::Engine;
use super::planner::Planner;
use super::statement::Explain;
use crate::Result;
use crate::scan::{HOT_ROWS_COUNTED_MAX, ScanReport, ScanReports};

/// The lines for a query that is planned; runs it if it is to be analyzed.
///
/// # Errors
/// What planning and running it raise.
pub(crate) fn explain_plan(
    engine: &Arc<Engine>,
    planner: Planner<'_>,
    plan: &LogicalPlan,
    explain: &Explain,
) -> Result<Vec<String>> {
    let reports = ScanReports::default();
    let planner = planner.with_reports(&reports);
    let physical = planner.physical(plan)?;
    let started = Instant::now();
    let rows = if explain.analyze {
        let stream = planner.execute(physical.clone())?;
        Some(engine.count_rows(stream)?)
    } else {
        None
    };
    let mut lines = vec![format!("Access path: {}", access_path(plan, &physical))];
    lines.extend(tree(engine, &physical, explain.analyze)?);
    lines.extend(reports.lock().iter().map(scan_line));
    if let Some(rows) = rows {
        lines.push(outcome(rows, started));
    }
    if explain.verbose {
        lines.push("logical plan:".to_owned());
        lines.extend(indented(&planner.optimize(plan)?.display_indent().to_string()));
        lines.push("physical plan:".to_owned());
        lines.extend(indented(&displayable(physical.as_ref()).indent(true).to_string()));
    }
    Ok(lines)
}

/// The last line of EXPLAIN ANALYZE.
pub(crate) fn outcome(rows: u64, started: Instant) -> String {
    format!("Rows: {rows}, time: {:.3} ms", started.elapsed().as_secs_f64() * 1000.0)
}

/// How the rows are got at: from the newest on, in the order of the key, both of which stop
/// at a limit, or as DataFusion plans it.
fn access_path(plan: &LogicalPlan, physical: &Arc<dyn ExecutionPlan>) -> &'static str {
    if reads_newest(physical) {
        "recent"
    } else if has_node(plan, |node| matches!(node, LogicalPlan::Sort(_)))
        && is_key_ordered(physical)
    {
        "key order"
    } else {
        "planned"
    }
}

/// What a scan reads, and what it leaves out.
pub(crate) fn scan_line(report: &ScanReport) -> String {
    let hot = match report.hot_rows {
        rows if rows > HOT_ROWS_COUNTED_MAX => format!("more than {HOT_ROWS_COUNTED_MAX}"),
        rows => rows.to_string(),
    };
    let of = report.segments + report.out_of_range + report.dead;
    let mut line =
        format!("Scan of {}: {hot} hot rows, {} of {of} segments", report.table, report.segments);
    let pruned: Vec<String> =
        [(report.out_of_range, "pruned by key range"), (report.dead, "without live rows")]
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, why)| format!("{count} {why}"))
            .collect();
    if !pruned.is_empty() {
        line += &format!(" ({})", pruned.join(", "));
    }
    if report.hidden_rows > 0 {
        line += &format!(", {} rows hidden by deletion marks", report.hidden_rows);
    }
    if report.is_bounded {
        line += ", key range from the conditions";
    }
    line
}

fn indented(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(|line| format!("  {line}"))
}
