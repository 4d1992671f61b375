//! CURRENT_USER() and CURRENT_ROLE(): made for each session, with its values.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// The functions that tell who the session acts for.
///
/// IMPORTANT: a plan that calls them holds the values of this session; it must not
/// be cached for another one.
pub(crate) fn session_functions(user: &str, role: &str) -> Vec<Arc<ScalarUDF>> {
    [("current_user", user), ("current_role", role)]
        .into_iter()
        .map(|(name, value)| {
            let signature = Signature::nullary(Volatility::Stable);
            let function = SessionFunction { name, value: value.to_owned(), signature };
            Arc::new(ScalarUDF::new_from_impl(function))
        })
        .collect()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct SessionFunction {
    name: &'static str,
    value: String,
    signature: Signature,
}

impl ScalarUDFImpl for SessionFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        Ok(ColumnarValue::Scalar(ScalarValue::from(self.value.as_str())))
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use arrow::record_batch::RecordBatch;
    use datafusion::execution::context::SessionContext;
    use datafusion::sql::parser::Statement as DfStatement;
    use datafusion::sql::sqlparser::ast::Statement as SqlStatement;

    use super::*;
    use crate::env::{IdSource, SystemClock};
    use crate::executor::functions::id_functions;
    use crate::executor::parse::parse;
    use crate::executor::statement::Statement;

    fn run(sql: &str) -> RecordBatch {
        let context = SessionContext::new();
        let ids = Arc::new(IdSource::new(Arc::new(SystemClock), 0));
        for function in session_functions("ada", "user").into_iter().chain(id_functions(&ids)) {
            context.register_udf(function.as_ref().clone());
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let Statement::Query(query) = parse(sql).expect(sql).remove(0).statement else {
            panic!("{sql} is no query");
        };
        let statement = DfStatement::Statement(Box::new(SqlStatement::Query(query.into_inner())));
        let batches = runtime.block_on(async {
            let plan = context.state().statement_to_plan(statement).await?;
            context.execute_logical_plan(plan).await?.collect().await
        });
        let batches = batches.expect(sql);
        arrow::compute::concat_batches(&batches[0].schema(), &batches).expect("one schema")
    }

    #[test]
    fn each_row_has_its_own_id() {
        let sql = "SELECT snowflake_id() AS a, uuid_v7() AS b, uuid() AS c, ulid() AS d, \
            random_string(8) AS e FROM (VALUES (1), (2), (3))";
        let batch = run(sql);
        assert_eq!(batch.num_rows(), 3);
        for column in batch.columns() {
            let texts: std::collections::HashSet<String> = (0..3)
                .map(|row| arrow::util::display::array_value_to_string(column, row).expect("shown"))
                .collect();
            assert_eq!(texts.len(), 3, "{texts:?}");
        }
        assert_eq!(batch.column(1).data_type(), &DataType::FixedSizeBinary(16));
        assert_eq!(batch.column(3).as_string::<i32>().value(0).len(), 26);
        assert_eq!(batch.column(4).as_string::<i32>().value(0).len(), 8);
    }

    #[test]
    fn the_session_tells_user_and_role() {
        for sql in ["SELECT current_user(), current_role()", "SELECT CURRENT_USER, CURRENT_ROLE"] {
            let batch = run(sql);
            assert_eq!(batch.column(0).as_string::<i32>().value(0), "ada");
            assert_eq!(batch.column(1).as_string::<i32>().value(0), "user");
        }
    }
}
