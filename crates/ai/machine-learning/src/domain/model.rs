use forust_ml::{GradientBooster, Matrix, errors::ForustError};
use kernel::{Error, ErrorKind};
use serde::{Deserialize, Serialize};

use super::features::{Column, Feature};

/// What is trained: trees that correct each other's errors of log loss (J. H. Friedman, *Greedy Function Approximation: A
/// Gradient Boosting Machine*, 2001), with the regularised histogram splits of XGBoost (T. Chen, C. Guestrin, 2016), by
/// the library `forust-ml`. A missing value goes at each split to the side where it fits best.
pub const ALGORITHM: &str = "gradient boosted trees";

/// Version of the document that [`Model::to_bytes`] writes.
const VERSION: u32 = 1;

/// A trained classifier, and all that is needed to ask it about other rows.
#[derive(Serialize, Deserialize)]
pub struct Model {
    version: u32,
    algorithm: String,
    target: String,
    parameters: Parameters,
    features: Vec<Feature>,
    booster: GradientBooster,
}

/// Settings of the trees that differ from the library's own.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Parameters {
    pub trees: usize,
    pub learning_rate: f32,
    pub max_depth: usize,
    pub seed: u64,
}

impl Parameters {
    /// Small steps of shallow trees: little to tune, hard to overfit.
    pub fn with_seed(seed: u64) -> Self {
        Self { trees: 100, learning_rate: 0.1, max_depth: 5, seed }
    }
}

/// A model cannot be trained, read or asked.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("the trees cannot be grown")]
    Untrainable(#[source] ForustError),
    #[error("these bytes are no model: take those that a training stored")]
    Unreadable(#[source] serde_json::Error),
    #[error("this model has version {found}, and this program reads version {VERSION}: train it again")]
    Version { found: u32 },
    #[error("the model needs column `{name}` of type {column_type}: ask it about rows that have it")]
    MissingColumn { name: String, column_type: String },
}

impl From<ModelError> for Error {
    fn from(error: ModelError) -> Self {
        let kind = match error {
            ModelError::Untrainable(_) => ErrorKind::Internal,
            ModelError::Unreadable(_) | ModelError::Version { .. } | ModelError::MissingColumn { .. } => {
                ErrorKind::Invalid
            }
        };
        let converted = Self::new(kind, error.to_string());
        match std::error::Error::source(&error) {
            Some(source) => converted.with_detail(source.to_string()),
            None => converted,
        }
    }
}

impl Model {
    /// Trains on these rows; `labels` has one entry for each of them. Both classes must be among them.
    pub fn train(
        target: &str,
        columns: &[&Column],
        rows: &[usize],
        labels: &[bool],
        parameters: Parameters,
    ) -> Result<Self, ModelError> {
        let features: Vec<Feature> = columns.iter().map(|column| Feature::learn(column, rows)).collect();
        let values = encode(&features, columns.iter().copied(), rows)?;
        let labels: Vec<f64> = labels.iter().map(|&label| f64::from(u8::from(label))).collect();
        // One thread per model: folds are trained beside each other, and sums are added in one order.
        let mut booster = GradientBooster::default()
            .set_iterations(parameters.trees)
            .set_learning_rate(parameters.learning_rate)
            .set_max_depth(parameters.max_depth)
            .set_seed(parameters.seed)
            .set_parallel(false);
        let matrix = Matrix::new(&values, rows.len(), features.len());
        booster.fit_unweighted(&matrix, &labels, None).map_err(ModelError::Untrainable)?;
        Ok(Self { version: VERSION, algorithm: ALGORITHM.into(), target: target.into(), parameters, features, booster })
    }

    /// The probability that the target is true, for each of these rows. Columns are found by name.
    ///
    /// # Errors
    /// [`ModelError::MissingColumn`] if a column is not there, or has become text or ceased to be.
    pub fn probabilities(&self, columns: &[Column], rows: &[usize]) -> Result<Vec<f64>, ModelError> {
        let columns = self.features.iter().map(|feature| {
            let column = columns.iter().find(|column| column.name == feature.name);
            column.ok_or_else(|| missing(feature))
        });
        let columns: Vec<&Column> = columns.collect::<Result<_, _>>()?;
        let values = encode(&self.features, columns.into_iter(), rows)?;
        let log_odds = self.booster.predict(&Matrix::new(&values, rows.len(), self.features.len()), false);
        Ok(log_odds.into_iter().map(|log_odds| 1.0 / (1.0 + (-log_odds).exp())).collect())
    }

    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// As it was written.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// One JSON document, the same for the same model.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("numbers, texts and lists are plain data that JSON can hold")
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelError> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let Versioned { version } = serde_json::from_slice(bytes).map_err(ModelError::Unreadable)?;
        if version != VERSION {
            return Err(ModelError::Version { found: version });
        }
        serde_json::from_slice(bytes).map_err(ModelError::Unreadable)
    }
}

/// Column by column, the numbers of each feature.
fn encode<'a>(
    features: &[Feature],
    columns: impl Iterator<Item = &'a Column>,
    rows: &[usize],
) -> Result<Vec<f64>, ModelError> {
    let mut values = Vec::with_capacity(features.len() * rows.len());
    for (feature, column) in features.iter().zip(columns) {
        values.extend(feature.encode(column, rows).ok_or_else(|| missing(feature))?);
    }
    Ok(values)
}

fn missing(feature: &Feature) -> ModelError {
    ModelError::MissingColumn { name: feature.name.clone(), column_type: feature.column_type.clone() }
}
