use std::{num::NonZero, sync::Arc, thread};

use arrow::{
    array::{AsArray, Int64Array, NullArray, RecordBatch},
    compute::concat_batches,
    datatypes::{Field, Int64Type, Schema},
};
use datafusion::{
    datasource::MemTable,
    error::DataFusionError,
    functions_aggregate::expr_fn::count,
    logical_expr::lit,
    prelude::{SessionConfig, SessionContext, col},
};
use dataset::{ColumnType, Dataset};
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
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let mut queries = JoinSet::new();
    for core in 0..cores {
        let (context, dataset) = (context.clone(), dataset.clone());
        queries.spawn(async move {
            let mut counted = Vec::new();
            for position in (core..dataset.columns().len()).step_by(cores) {
                counted.push((position, counts_of(&context, &dataset, position).await?));
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

async fn counts_of(
    context: &SessionContext,
    dataset: &Dataset,
    position: usize,
) -> Result<ValueCounts, DataFusionError> {
    let column = &dataset.columns()[position];
    if column.column_type == ColumnType::Null {
        return Ok(ValueCounts { values: Arc::new(NullArray::new(0)), counts: Int64Array::from_iter_values([]) });
    }
    // A table of this column alone, under a name of our own: a plan over thousands of columns would look at each of them.
    let schema = Arc::new(Schema::new(vec![Field::new("value", column.column_type.data_type(), true)]));
    let values = dataset.batches().iter().map(|batch| Arc::clone(batch.column(position)));
    let batches = values.map(|values| RecordBatch::try_new(Arc::clone(&schema), vec![values]));
    let table = MemTable::try_new(Arc::clone(&schema), vec![batches.collect::<Result<_, _>>()?])?;
    let query =
        context.read_table(Arc::new(table))?.aggregate(vec![col("value")], vec![count(lit(1)).alias("count")])?;
    let schema = Arc::new(query.schema().as_arrow().clone());
    let counted = concat_batches(&schema, &query.collect().await?)?;
    Ok(ValueCounts { values: counted.column(0).clone(), counts: counted.column(1).as_primitive::<Int64Type>().clone() })
}

fn failed(dataset: &Dataset, error: &DataFusionError) -> Error {
    let message = format!("the engine failed to profile `{}`: report this", dataset.reference().url);
    Error::internal(message).with_detail(error.to_string())
}
