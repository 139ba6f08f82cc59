use std::{sync::Arc, thread};

use arrow::{
    array::{Array, AsArray, BooleanArray},
    compute::concat,
    datatypes::DataType,
};
use datafusion::{
    common::{
        DFSchema, DataFusionError, SchemaError,
        tree_node::{TreeNode, TreeNodeRecursion},
    },
    execution::context::SessionContext,
    logical_expr::{Expr, Volatility},
    physical_plan::PhysicalExpr,
    prelude::SessionConfig,
    sql::sqlparser::parser::ParserError,
};

use crate::{Dataset, DatasetError};

/// A condition on a row, such as `age >= 18 AND country = 'PT'`, checked against the columns of one dataset.
#[derive(Debug, Clone)]
pub struct Predicate {
    text: String,
    columns: Vec<String>,
    expression: Arc<dyn PhysicalExpr>,
}

/// Bytes of an expression. The engine recurses into it, so it is bounded, and so is the [`STACK`] that this takes: about 20 kB
/// for each of at most a thousand operators, in a build that is not optimised.
const LONGEST: usize = 2048;

/// Bytes, of which only those that are used cost memory. The threads that requests run on have 2 MiB.
const STACK: usize = 64 << 20;

impl Predicate {
    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The columns that it names, in the order of the dataset.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }
}

impl Dataset {
    /// Checks a boolean SQL expression over the columns. Column names are written as they stand in the file, letter case
    /// included; those with blanks or signs in double quotes, text in single quotes.
    ///
    /// # Errors
    /// What does not parse, names an unknown column, is not boolean, or is not decided by one row alone (aggregates,
    /// subqueries, the time, chance).
    pub fn predicate(&self, text: &str) -> Result<Predicate, DatasetError> {
        if text.len() > LONGEST {
            return Err(DatasetError::Unparsable {
                expression: text.into(),
                problem: format!("it is longer than {LONGEST} bytes: split it into several"),
                position: None,
            });
        }
        on_deep_stack(|| self.plan(text))
    }

    fn plan(&self, text: &str) -> Result<Predicate, DatasetError> {
        let context = SessionContext::new_with_config(config());
        let schema = DFSchema::try_from(self.schema().as_ref().clone()).map_err(|error| self.engine(error))?;
        let logical = context.state().create_logical_expr(text, &schema).map_err(|error| self.refused(text, &error))?;
        if let Some(problem) = beyond_a_row(&logical) {
            return Err(DatasetError::NotPerRow { expression: text.into(), problem });
        }
        let named = logical.column_refs();
        let columns = self.columns().iter().map(|column| &column.name);
        let columns = columns.filter(|name| named.iter().any(|column| column.name == **name)).cloned().collect();
        let expression = context.create_physical_expr(logical, &schema).map_err(|error| self.refused(text, &error))?;

        match expression.data_type(self.schema()).map_err(|error| self.refused(text, &error))? {
            DataType::Boolean => Ok(Predicate { text: text.into(), columns, expression }),
            found => Err(DatasetError::NotBoolean { expression: text.into(), found: in_words(&found) }),
        }
    }

    /// Whether the condition holds, for every row in order; null where it cannot be told, as SQL has it.
    ///
    /// # Errors
    /// A value for which the expression cannot be computed, such as a division of integers by zero.
    ///
    /// # Panics
    /// If the predicate was made from a dataset with other columns.
    pub fn evaluate(&self, predicate: &Predicate) -> Result<BooleanArray, DatasetError> {
        on_deep_stack(|| self.compute(predicate))
    }

    fn compute(&self, predicate: &Predicate) -> Result<BooleanArray, DatasetError> {
        let failed = |error: DataFusionError| DatasetError::Evaluation {
            expression: predicate.text.clone(),
            problem: one_line(&error),
        };
        let mut parts = Vec::with_capacity(self.batches().len());
        for batch in self.batches() {
            let value = predicate.expression.evaluate(batch).map_err(failed)?;
            parts.push(value.into_array(batch.num_rows()).map_err(failed)?);
        }
        let parts: Vec<&dyn Array> = parts.iter().map(|part| part.as_ref()).collect();
        let whole = concat(&parts).map_err(|error| failed(error.into()))?;
        Ok(whole.as_boolean().clone())
    }

    fn engine(&self, error: DataFusionError) -> DatasetError {
        DatasetError::Engine { path: self.path().into(), source: Box::new(error) }
    }

    /// What was wrong with an expression, in our words where it is common and in the engine's where it is not.
    fn refused(&self, text: &str, error: &DataFusionError) -> DatasetError {
        if let DataFusionError::SchemaError(schema, _) = error.find_root()
            && let SchemaError::FieldNotFound { field, .. } = schema.as_ref()
        {
            let name = field.flat_name();
            return self.unknown_column(&name, text.contains(&format!("\"{name}\"")));
        }
        let problem = one_line(error);
        let (problem, position) = match problem.rsplit_once(" at Line: ") {
            Some((problem, place)) => (problem.to_owned(), position(place)),
            None => (problem, None),
        };
        DatasetError::Unparsable { expression: text.into(), problem, position }
    }
}

fn on_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
        let outcome = thread.expect("a process that cannot start a thread cannot go on").join();
        outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn config() -> SessionConfig {
    let mut config = SessionConfig::new();
    config.options_mut().sql_parser.enable_ident_normalization = false;
    config
}

/// What values of a type are called by people.
fn in_words(data_type: &DataType) -> &'static str {
    match data_type {
        found if found.is_integer() => "an integer",
        found if found.is_numeric() => "a number",
        found if found.is_string() => "a text",
        found if found.is_temporal() => "a time",
        DataType::Null => "no value at all",
        _ => "something else",
    }
}

/// `1, Column: 14`.
fn position(place: &str) -> Option<(u64, u64)> {
    let (line, column) = place.split_once(", Column: ")?;
    Some((line.parse().ok()?, column.parse().ok()?))
}

/// The engine's own words, without the names of its types, line breaks, and the guess that it takes at a name: among equally
/// likely ones it differs from run to run.
fn one_line(error: &DataFusionError) -> String {
    let text = match error.find_root() {
        DataFusionError::SQL(parser, _) => match parser.as_ref() {
            ParserError::TokenizerError(text) | ParserError::ParserError(text) => {
                // The place comes last, and is taken off there.
                let (text, place) = text.split_at(text.find(" at Line: ").unwrap_or(text.len()));
                format!("{text}; write a condition such as `age >= 18 AND country = 'PT'`{place}")
            }
            ParserError::RecursionLimitExceeded => "it is nested too deeply: split it into several".into(),
        },
        other => other.message().into_owned(),
    };
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.split(". Did you mean ").next().unwrap_or_default().to_owned()
}

/// What in an expression looks at more than the row: its result would differ from run to run, or has no row to stand for.
fn beyond_a_row(expression: &Expr) -> Option<String> {
    let mut found = None;
    let visited = expression.apply(|part| {
        found = match part {
            Expr::AggregateFunction(call) => Some(format!("`{}` looks at many rows", call.func.name())),
            Expr::WindowFunction(call) => Some(format!("`{}` looks at many rows", call.fun.name())),
            Expr::ScalarFunction(call) if call.func.signature().volatility != Volatility::Immutable => {
                Some(format!("`{}` depends on time or chance", call.func.name()))
            }
            Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_) => {
                Some("a subquery looks at other rows".into())
            }
            Expr::Placeholder(placeholder) => Some(format!("`{}` has no value", placeholder.id)),
            _ => None,
        };
        Ok(if found.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    visited.expect("the visitor refuses nothing");
    found
}
