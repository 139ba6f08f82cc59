use std::{num::NonZero, sync::Arc, thread};

use arrow::{
    array::{AsArray, Int64Array, NullArray},
    compute::concat_batches,
    datatypes::Int64Type,
};
use datafusion::{
    datasource::MemTable,
    error::DataFusionError,
    functions_aggregate::expr_fn::count,
    logical_expr::lit,
    prelude::{DataFrame, SessionConfig, SessionContext, col, ident},
};
use dataset::{Column, ColumnType, Dataset};
use kernel::Error;
use tokio::task::JoinSet;

use crate::domain::ValueCounts;

/// How often each value of each column occurs: one query per column, `SELECT value, count(*) GROUP BY value`, from which
/// everything in a profile follows exactly. The columns are shared out among the cores; each query runs on one, so that no
/// row is hashed twice and no batch changes threads.
///
/// # Cancel safety
/// Dropped, the queries are aborted.
pub(super) async fn value_counts(dataset: &Dataset) -> Result<Vec<ValueCounts>, Error> {
    let batches = vec![dataset.batches().to_vec()];
    let table = MemTable::try_new(dataset.schema().clone(), batches).map_err(|error| failed(dataset, &error))?;
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
    let table = context.read_table(Arc::new(table)).map_err(|error| failed(dataset, &error))?;

    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let mut queries = JoinSet::new();
    for core in 0..cores {
        let columns = dataset.columns().iter().cloned().enumerate();
        let (table, share): (_, Vec<(usize, Column)>) = (table.clone(), columns.skip(core).step_by(cores).collect());
        queries.spawn(async move {
            let mut counted = Vec::with_capacity(share.len());
            for (position, column) in share {
                counted.push((position, counts_of(&table, &column).await?));
            }
            Ok(counted)
        });
    }
    let mut counted = Vec::with_capacity(dataset.columns().len());
    while let Some(share) = queries.join_next().await {
        let share = share.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()));
        counted.extend(share.map_err(|error: DataFusionError| failed(dataset, &error))?);
    }
    counted.sort_unstable_by_key(|(position, _)| *position);
    Ok(counted.into_iter().map(|(_, counts)| counts).collect())
}

async fn counts_of(table: &DataFrame, column: &Column) -> Result<ValueCounts, DataFusionError> {
    if column.column_type == ColumnType::Null {
        return Ok(ValueCounts { values: Arc::new(NullArray::new(0)), counts: Int64Array::from_iter_values([]) });
    }
    // A column may have any name, also that of the count.
    let values = table.clone().select(vec![ident(&column.name).alias("value")])?;
    let query = values.aggregate(vec![col("value")], vec![count(lit(1)).alias("count")])?;
    let schema = Arc::new(query.schema().as_arrow().clone());
    let counted = concat_batches(&schema, &query.collect().await?)?;
    Ok(ValueCounts { values: counted.column(0).clone(), counts: counted.column(1).as_primitive::<Int64Type>().clone() })
}

fn failed(dataset: &Dataset, error: &DataFusionError) -> Error {
    let message = format!("the engine failed to profile `{}`: report this", dataset.reference().url);
    Error::internal(message).with_detail(error.to_string())
}
