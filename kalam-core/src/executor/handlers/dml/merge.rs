//! `MERGE`.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::datatypes::{FieldRef, Int64Type};
use datafusion::common::{ScalarValue, TableReference};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CaseWhen, Expr, Join, JoinConstraint, JoinOperator, SelectItem, SetExpr,
    TableAlias, TableFactor, TableWithJoins, Value, helpers::attached_token::AttachedToken,
};

use super::assignment::{Assignments, RowChange};
use super::evaluator::Evaluator;
use super::new_rows::InsertTarget;
use super::returning::{AffectedRows, Returning, result};
use super::target::{SourceColumns, Target, TargetRows, TargetTable, target_and};
use super::update::finish_moves;
use crate::catalog::{Table, seq_field};
use crate::executor::QueryResult;
use crate::executor::built_query::{query_of, quoted, select_of, value_items};
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::given_rows::GivenRows;
use crate::executor::modify_statement::{InsertValue, Matching, Merge, MergeAction, MergeClause};
use crate::executor::row_writer::{RowWriter, Taken, changed_twice};
use crate::executor::work::Work;
use crate::scan::SEGMENT_COLUMN;
use crate::store::{View, column_bytes};
use crate::{Error, Result, SqlState};

/// A column of the source that is NULL where no row of it is.
const PRESENT_COLUMN: &str = "_present";

/// Joins the target with a source and does with each pair what its first WHEN says.
///
/// # Errors
/// `21000` if a row of the target would be changed twice, `23505`, and what UPDATE,
/// DELETE and INSERT raise.
pub(crate) fn run(
    engine: &Arc<Engine>,
    caller: &Caller,
    work: &mut Work,
    statement: &Merge,
    params: &[ScalarValue],
) -> Result<QueryResult> {
    let (name, alias) = (&statement.table, statement.alias.as_deref());
    let inserts = |clause: &MergeClause| matches!(clause.action, MergeAction::Insert(..));
    let target = match statement.clauses.iter().any(inserts) {
        true => TargetTable::growing(engine, caller, name, alias)?,
        false => TargetTable::existing(engine, caller, name, alias)?,
    };
    let table = &target.table;
    let actions = statement
        .clauses
        .iter()
        .map(|clause| Action::new(engine, caller, &target, clause))
        .collect::<Result<Vec<_>>>()?;
    let returning = Returning::of_merge(&statement.returning, table, &target.name)?;
    let evaluator = Evaluator::new(engine, caller, params, &statement.ctes);
    let joined = Target {
        target: &target,
        from: merge_from(statement, &target.name),
        selection: None,
        values: vec![merge_actions(statement, &target.name)],
        shows_sources: true,
    };
    let ((changed, returned), seq) =
        work.write_numbered(engine, table, target.user, |view, writer| {
            let mut found = joined.rows(&evaluator, view)?;
            // The last one says whether there is a row.
            found.sources.pop();
            let mut run = Run {
                target: &target,
                evaluator: &evaluator,
                view,
                sources: found.sources,
                changed: HashSet::new(),
                count: 0,
                moved: Vec::new(),
                added: Vec::new(),
                affected: returning.as_ref().map(|_| Vec::new()),
            };
            for rows in &found.rows {
                let chosen = rows.values[0].as_primitive::<Int64Type>();
                for (number, action) in (0i64..).zip(&actions) {
                    let chosen = (0u32..).zip(chosen).filter(|(_, n)| *n == Some(number));
                    let chosen: Vec<u32> = chosen.map(|(row, _)| row).collect();
                    if !chosen.is_empty() {
                        run.act(writer, action, rows.take(&chosen)?)?;
                    }
                }
            }
            run.finish(writer)?;
            let Run { count, mut sources, affected, .. } = run;
            let returned = returning.as_ref().zip(affected).map(|(list, affected)| {
                list.add_action(&mut sources);
                list.rows(&evaluator, view, &affected, &sources)
            });
            Ok((count, returned.transpose()?))
        })?;
    result(changed, returned, seq)
}

/// The target joined with the source: what is left out without a WHEN for it is not
/// made.
pub(crate) fn merge_from(statement: &Merge, name: &str) -> Vec<TableWithJoins> {
    let has = |matching| statement.clauses.iter().any(|clause| clause.matching == matching);
    let on = JoinConstraint::On(statement.on.clone());
    let by_target = has(Matching::NotMatchedByTarget);
    let by_source = has(Matching::NotMatchedBySource);
    let join_operator = match (by_source, by_target) {
        (false, false) => JoinOperator::Inner(on),
        (false, true) => JoinOperator::RightOuter(on),
        (true, false) => JoinOperator::LeftOuter(on),
        (true, true) => JoinOperator::FullOuter(on),
    };
    let mut from = target_and(name, &[]);
    from[0].joins.push(Join { relation: marked_source(statement), global: false, join_operator });
    from
}

/// `(SELECT *, TRUE AS _present FROM source) AS source`
fn marked_source(statement: &Merge) -> TableFactor {
    let present = SelectItem::ExprWithAlias {
        expr: Expr::value(Value::Boolean(true)),
        alias: quoted(PRESENT_COLUMN),
    };
    let items = vec![SelectItem::Wildcard(Default::default()), present];
    let from = vec![TableWithJoins { relation: statement.source.clone(), joins: Vec::new() }];
    TableFactor::Derived {
        lateral: false,
        subquery: Box::new(query_of(SetExpr::Select(Box::new(select_of(items, from, None))))),
        alias: Some(TableAlias {
            explicit: true,
            name: quoted(&statement.source_name),
            columns: Vec::new(),
            at: None,
        }),
        sample: None,
    }
}

/// `CASE WHEN matched AND condition THEN 0 WHEN .. THEN 1 .. END`
pub(crate) fn merge_actions(statement: &Merge, name: &str) -> Expr {
    let column = |relation: &str, column| {
        Box::new(Expr::CompoundIdentifier(vec![quoted(relation), quoted(column)]))
    };
    let in_target = || column(name, SEGMENT_COLUMN);
    let in_source = || column(&statement.source_name, PRESENT_COLUMN);
    let and = |left, right| Expr::BinaryOp {
        left: Box::new(left),
        op: BinaryOperator::And,
        right: Box::new(right),
    };
    let when = |(number, clause): (usize, &MergeClause)| {
        let matching = match clause.matching {
            Matching::Matched => and(Expr::IsNotNull(in_target()), Expr::IsNotNull(in_source())),
            Matching::NotMatchedByTarget => Expr::IsNull(in_target()),
            Matching::NotMatchedBySource => Expr::IsNull(in_source()),
        };
        let condition = match &clause.condition {
            Some(condition) => and(matching, Expr::Nested(Box::new(condition.clone()))),
            None => matching,
        };
        CaseWhen { condition, result: Expr::value(Value::Number(number.to_string(), false)) }
    };
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: statement.clauses.iter().enumerate().map(when).collect(),
        else_result: None,
    }
}

/// What a WHEN clause does, its names looked up.
enum Action<'a> {
    Update(Assignments<'a>),
    Delete,
    Insert(InsertTarget<'a>, &'a [InsertValue]),
    Nothing,
}

impl<'a> Action<'a> {
    fn new(
        engine: &'a Arc<Engine>,
        caller: &'a Caller,
        target: &'a TargetTable,
        clause: &'a MergeClause,
    ) -> Result<Action<'a>> {
        let table: &Arc<Table> = &target.table;
        match &clause.action {
            MergeAction::Update(assignments) => {
                target.check_changeable()?;
                Assignments::new(table, assignments).map(Action::Update)
            }
            MergeAction::Delete => Ok(Action::Delete),
            MergeAction::Nothing => Ok(Action::Nothing),
            MergeAction::Insert(columns, values) => {
                let all = table.definition.columns.iter().map(|column| column.name.as_str());
                let names: Vec<&str> = match columns.is_empty() {
                    true => all.take(values.len()).collect(),
                    false => columns.iter().map(|(name, _)| name.as_str()).collect(),
                };
                if names.len() < values.len() {
                    return Err(Error::new(
                        SqlState::SYNTAX_ERROR,
                        format!("INSERT has {} values for {} columns", values.len(), names.len()),
                    )
                    .with_position(clause.position));
                }
                // DEFAULT VALUES gives none to the columns that it may name.
                let names = names.into_iter().take(values.len());
                let new = InsertTarget::new(engine, caller, table, names)
                    .map_err(|e| e.with_position(clause.position))?;
                Ok(Action::Insert(new, values))
            }
        }
    }
}

/// One run of the statement.
struct Run<'a> {
    target: &'a TargetTable,
    evaluator: &'a Evaluator<'a>,
    view: &'a Arc<View>,
    sources: SourceColumns,
    /// Keys of rows that are updated or deleted.
    changed: HashSet<Vec<u8>>,
    count: u64,
    /// Rows that get new keys.
    moved: Vec<RowChange>,
    /// New rows, which may take a key that another row leaves.
    added: Vec<Vec<ArrayRef>>,
    /// What RETURNING may show.
    affected: Option<Vec<AffectedRows>>,
}

impl Run<'_> {
    /// Does what a clause says with the pairs of rows that are its own.
    fn act(
        &mut self,
        writer: &mut RowWriter<'_>,
        action: &Action<'_>,
        mut rows: TargetRows,
    ) -> Result<()> {
        // The last one said whether there is a row.
        rows.sources.pop();
        match action {
            Action::Nothing => Ok(()),
            Action::Update(assignments) => self.update(writer, assignments, rows),
            Action::Delete => {
                self.change_once(writer, &rows)?;
                self.count += writer.delete(&rows.columns, rows.hidden.as_ref(), &rows.places)?;
                self.note(writer, "DELETE", (rows.columns, rows.seqs), rows.sources)
            }
            Action::Insert(new, values) => self.insert(writer, (new, values), rows),
        }
    }

    fn update(
        &mut self,
        writer: &mut RowWriter<'_>,
        assignments: &Assignments<'_>,
        mut rows: TargetRows,
    ) -> Result<()> {
        self.change_once(writer, &rows)?;
        let given = self.given(rows.len(), &rows.sources);
        let seq: FieldRef = Arc::new(seq_field());
        let fields = self.target.table.schema.fields().iter().chain([&seq]);
        let stored = rows.columns.iter().chain([&rows.seqs]).cloned();
        let given = given.with(Some(&self.target.reference()), fields, stored);
        rows.values = self.evaluate(&given, assignments.expressions())?;
        let change = assignments.apply(self.evaluator, &self.target.table, &rows)?;
        self.count += change.count();
        self.note(writer, "UPDATE", (change.all.clone(), change.seqs.clone()), rows.sources)?;
        if assignments.moves_keys() {
            change.vacate(writer)?;
            self.moved.push(change);
            return Ok(());
        }
        change.replace(writer)
    }

    fn insert(
        &mut self,
        writer: &mut RowWriter<'_>,
        (new, values): (&InsertTarget<'_>, &[InsertValue]),
        rows: TargetRows,
    ) -> Result<()> {
        let given = self.given(rows.len(), &rows.sources);
        let expressions = values.iter().filter_map(InsertValue::expression).cloned();
        let mut evaluated = self.evaluate(&given, expressions.collect())?.into_iter();
        let mut arrays = Vec::with_capacity(values.len());
        for (source, value) in values.iter().enumerate() {
            arrays.push(match value {
                InsertValue::Default => new.default_of(source, rows.len())?,
                InsertValue::Expr(_) => evaluated.next().ok_or_else(|| {
                    Error::new(SqlState::INTERNAL_ERROR, "a value of INSERT is missing")
                })?,
            });
        }
        let columns = new.complete(&arrays, rows.len())?;
        self.count += rows.len() as u64;
        if self.affected.is_some() {
            let seqs = AffectedRows::written(Vec::new(), rows.len()).seqs;
            self.note(writer, "INSERT", (columns.clone(), seqs), rows.sources)?;
        }
        if self.target.table.definition.has_hidden_key() {
            return new.write(writer, &columns, columns[0].len(), Taken::Refuse);
        }
        writer.hold(column_bytes(&columns))?;
        self.added.push(columns);
        Ok(())
    }

    /// The columns of the source, as a relation.
    fn given(&self, rows: usize, sources: &[ArrayRef]) -> GivenRows {
        let columns = self.sources.iter().zip(sources);
        columns.fold(GivenRows::new(rows), |given, ((relation, field), array)| {
            let relation: Option<&TableReference> = relation.as_ref();
            given.with(relation, [field], [array.clone()])
        })
    }

    fn evaluate(&self, given: &GivenRows, values: Vec<Expr>) -> Result<Vec<ArrayRef>> {
        if values.is_empty() {
            return Ok(Vec::new());
        }
        let items = value_items(values);
        self.evaluator.over(self.view, given, items, None).map(|evaluated| evaluated.columns)
    }

    fn change_once(&mut self, writer: &mut RowWriter<'_>, rows: &TargetRows) -> Result<()> {
        let table = &self.target.table;
        for key in rows.keys(table)? {
            if !self.changed.insert(key) {
                return Err(changed_twice(table));
            }
        }
        writer.remember(self.changed.len())
    }

    fn note(
        &mut self,
        writer: &mut RowWriter<'_>,
        action: &str,
        (columns, seqs): (Vec<ArrayRef>, ArrayRef),
        mut sources: Vec<ArrayRef>,
    ) -> Result<()> {
        let Some(affected) = &mut self.affected else { return Ok(()) };
        sources.push(Arc::new(StringArray::from(vec![action; seqs.len()])));
        let rows = AffectedRows { columns, seqs, sources };
        writer.hold(rows.bytes())?;
        affected.push(rows);
        Ok(())
    }

    /// Writes what has to wait for all rows that leave their keys.
    fn finish(&mut self, writer: &mut RowWriter<'_>) -> Result<()> {
        for columns in &self.added {
            writer.occupy(columns)?;
        }
        finish_moves(writer, &self.moved)
    }
}
