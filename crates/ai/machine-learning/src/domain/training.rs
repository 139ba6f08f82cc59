use interfaces_ai::ClassifierMetrics;
use kernel::{Error, ErrorKind};
use rayon::prelude::*;

use super::{
    evaluation::{evaluate, evaluate_unranked},
    features::{Column, Unfit},
    folds::Folds,
    model::{Model, ModelError, Parameters},
};

/// What is to be trained.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'a> {
    /// The expression that the labels came from, for messages and for the model's document.
    pub target: &'a str,
    /// At least 2.
    pub folds: u32,
    pub seed: u64,
}

pub struct Trained {
    /// Trained on all rows with a known target.
    pub model: Model,
    pub rows: usize,
    pub folds: String,
    /// Of models that had not seen the rows they were asked about.
    pub metrics: ClassifierMetrics,
    pub baseline: ClassifierMetrics,
}

/// No model can come of this.
#[derive(Debug, thiserror::Error)]
pub enum TrainingError {
    #[error("target `{target}` is null in all {rows} rows: choose a target that is known for some of them")]
    Unknown { target: String, rows: usize },
    #[error(
        "target `{target}` is {only} in all {rows} rows where it is known, and {} in none: choose a target that is \
         sometimes true and sometimes false",
        !only
    )]
    OneClass { target: String, only: bool, rows: usize },
    #[error(
        "target `{target}` is {class} in {rows} of {known} rows, too few for {folds} folds with one each: ask for fewer \
         folds, or choose a target that is {class} more often"
    )]
    Rare {
        target: String,
        class: bool,
        rows: usize,
        /// Rows with a known target.
        known: usize,
        folds: u32,
    },
    #[error("no column is left to learn from{}: exclude fewer columns, or bring some that vary", reasons(.unfit))]
    NoFeatures {
        /// Columns that were neither excluded nor named in the target.
        unfit: Vec<(String, Unfit)>,
    },
    #[error(transparent)]
    Model(#[from] ModelError),
}

impl From<TrainingError> for Error {
    fn from(error: TrainingError) -> Self {
        match error {
            TrainingError::Model(error) => error.into(),
            TrainingError::Unknown { .. }
            | TrainingError::OneClass { .. }
            | TrainingError::Rare { .. }
            | TrainingError::NoFeatures { .. } => Self::new(ErrorKind::Invalid, error.to_string()),
        }
    }
}

/// Columns that are listed in a message.
const LISTED: usize = 10;

fn reasons(unfit: &[(String, Unfit)]) -> String {
    if unfit.is_empty() {
        return String::new();
    }
    let reason = |(name, unfit): &(String, Unfit)| match unfit {
        Unfit::Constant => format!("`{name}` is the same in all rows"),
        Unfit::Identifiers(different) => format!("`{name}` has {different} different texts"),
    };
    let listed: Vec<String> = unfit.iter().take(LISTED).map(reason).collect();
    let beyond = unfit.len() - listed.len();
    let more = if beyond > 0 { format!(", and {beyond} more are unfit") } else { String::new() };
    format!(" ({}{more})", listed.join(", "))
}

/// Trains a model on all rows with a known target, and one per fold to find out how good that is. `columns` are those that
/// may be features; `labels` has one entry per row of the dataset.
pub fn train(columns: &[Column], labels: &[Option<bool>], plan: Plan<'_>) -> Result<Trained, TrainingError> {
    let known = labels.iter().enumerate().filter_map(|(row, label)| label.map(|label| (row, label)));
    let (rows, known): (Vec<usize>, Vec<bool>) = known.unzip();
    check_classes(&known, labels.len(), plan)?;

    let (fit, unfit): (Vec<_>, Vec<_>) =
        columns.iter().map(|column| (column, column.unfit(&rows))).partition(|c| c.1.is_none());
    if fit.is_empty() {
        let unfit = unfit.into_iter().filter_map(|(column, unfit)| Some((column.name.clone(), unfit?)));
        return Err(TrainingError::NoFeatures { unfit: unfit.collect() });
    }
    let examples =
        Examples { columns, features: fit.into_iter().map(|(column, _)| column).collect(), rows, labels: known, plan };
    let folds = Folds::stratified(&examples.rows, &examples.labels, plan.folds, plan.seed);
    let (model, metrics) = rayon::join(|| examples.train_on_all(), || examples.cross_validate(&folds));
    Ok(Trained {
        model: model?,
        rows: examples.rows.len(),
        folds: folds.name().into(),
        metrics: metrics?,
        baseline: examples.cross_validate_majority(&folds),
    })
}

fn check_classes(labels: &[bool], rows: usize, plan: Plan<'_>) -> Result<(), TrainingError> {
    let target = plan.target.to_owned();
    let positives = labels.iter().filter(|&&label| label).count();
    let negatives = labels.len() - positives;
    let (class, rarer) = if positives <= negatives { (true, positives) } else { (false, negatives) };
    if labels.is_empty() {
        Err(TrainingError::Unknown { target, rows })
    } else if rarer == 0 {
        Err(TrainingError::OneClass { target, only: !class, rows: labels.len() })
    } else if rarer < plan.folds as usize {
        Err(TrainingError::Rare { target, class, rows: rarer, known: labels.len(), folds: plan.folds })
    } else {
        Ok(())
    }
}

/// The rows that there are to learn from.
struct Examples<'a> {
    columns: &'a [Column],
    features: Vec<&'a Column>,
    /// Places in the dataset.
    rows: Vec<usize>,
    /// One per entry of `rows`.
    labels: Vec<bool>,
    plan: Plan<'a>,
}

impl Examples<'_> {
    fn train(&self, rows: &[usize], labels: &[bool]) -> Result<Model, ModelError> {
        let parameters = Parameters::with_seed(self.plan.seed);
        Model::train(self.plan.target, &self.features, rows, labels, parameters)
    }

    fn train_on_all(&self) -> Result<Model, ModelError> {
        self.train(&self.rows, &self.labels)
    }

    /// Asks about each row the one model that was trained without it, and pools the answers.
    fn cross_validate(&self, folds: &Folds) -> Result<ClassifierMetrics, ModelError> {
        let held_out = (0..folds.count()).into_par_iter().map(|fold| {
            let (training, held_out) = folds.split(fold);
            let model = self.train(&pick(&self.rows, &training), &pick(&self.labels, &training))?;
            let probabilities = model.probabilities(self.columns, &pick(&self.rows, &held_out))?;
            Ok((held_out, probabilities))
        });
        let mut pooled = vec![0.0; self.rows.len()];
        for (held_out, probabilities) in held_out.collect::<Result<Vec<_>, ModelError>>()? {
            for (example, probability) in held_out.into_iter().zip(probabilities) {
                pooled[example] = probability;
            }
        }
        Ok(evaluate(&self.labels, &pooled))
    }

    /// The classifier that answers the class that is more frequent among the rows it was trained on; false in a tie.
    fn cross_validate_majority(&self, folds: &Folds) -> ClassifierMetrics {
        let mut predicted = vec![false; self.rows.len()];
        for fold in 0..folds.count() {
            let (training, held_out) = folds.split(fold);
            let positives = training.iter().filter(|&&example| self.labels[example]).count();
            for example in held_out {
                predicted[example] = 2 * positives > training.len();
            }
        }
        evaluate_unranked(&self.labels, &predicted)
    }
}

fn pick<T: Copy>(from: &[T], places: &[usize]) -> Vec<T> {
    places.iter().map(|&place| from[place]).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::{
        super::features::tests::{numbers, texts},
        *,
    };

    const PLAN: Plan<'_> = Plan { target: "y", folds: 5, seed: 42 };

    /// Numbers in [0, 1) that follow no pattern that a tree could learn.
    fn noise(seed: u32, rows: usize) -> impl Iterator<Item = f64> {
        (0..rows as u32).map(move |row| {
            let mixed = (row + 7919 * seed + 1).wrapping_mul(2_654_435_761);
            f64::from((mixed ^ (mixed >> 15)).wrapping_mul(2_246_822_519) >> 8) / f64::from(1 << 24)
        })
    }

    fn labels(rows: usize, is_true: impl Fn(usize) -> bool) -> Vec<Option<bool>> {
        (0..rows).map(|row| Some(is_true(row))).collect()
    }

    /// True where two columns are both high, and for one text; a third column says nothing.
    fn learnable() -> (Vec<Column>, Vec<Option<bool>>) {
        let (a, b): (Vec<f64>, Vec<f64>) = (noise(1, 600).collect(), noise(2, 600).collect());
        let colours: Vec<&str> = noise(3, 600).map(|n| ["red", "green", "blue", ""][(n * 4.0) as usize]).collect();
        let labels = labels(600, |row| (a[row] > 0.4 && b[row] > 0.4) || colours[row] == "red");
        let columns =
            vec![numbers("a", a), numbers("b", b), texts("colour", &colours), numbers("nothing", noise(4, 600))];
        (columns, labels)
    }

    #[test]
    fn what_can_be_learnt_is_learnt() {
        let (columns, labels) = learnable();
        let trained = train(&columns, &labels, PLAN).expect("learnable");
        assert!(trained.metrics.auc > 0.97, "{:?}", trained.metrics);
        assert!(trained.metrics.accuracy > trained.baseline.accuracy + 0.3, "{:?}", trained.baseline);
        assert_eq!(trained.baseline.auc, 0.5);
        assert_eq!(trained.rows, 600);
    }

    #[test]
    fn what_cannot_be_learnt_is_not() {
        let columns: Vec<Column> = (1..5).map(|seed| numbers(&format!("n{seed}"), noise(seed, 600))).collect();
        let coin: Vec<f64> = noise(99, 600).collect();
        let trained = train(&columns, &labels(600, |row| coin[row] > 0.7), PLAN).expect("trainable");
        assert!((trained.metrics.auc - 0.5).abs() < 0.07, "{:?}", trained.metrics);
        assert!(trained.metrics.accuracy <= trained.baseline.accuracy + 0.01, "{:?}", trained.baseline);
    }

    /// Whatever is special about a row, its own model has not seen it: a column of row numbers, which a model could learn by
    /// heart, is of no use.
    #[test]
    fn no_row_is_judged_by_a_model_that_has_seen_it() {
        let coin: Vec<f64> = noise(5, 600).collect();
        let columns = [numbers("row", (0..600).map(f64::from))];
        let labels = labels(600, |row| coin[row] > 0.5);
        let trained = train(&columns, &labels, PLAN).expect("trainable");
        assert!(trained.metrics.auc < 0.6, "{:?}", trained.metrics);
        let rows: Vec<usize> = (0..600).collect();
        let seen = trained.model.probabilities(&columns, &rows).expect("the same columns");
        let right = seen.iter().zip(&labels).filter(|(p, label)| Some(**p >= 0.5) == **label).count();
        assert!(right > 390, "the model of all rows knows {right} of 600");
    }

    #[test]
    fn the_same_input_gives_the_same_bytes_on_any_number_of_threads() {
        let (columns, labels) = learnable();
        let train_on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            let trained = pool.install(|| train(&columns, &labels, PLAN)).expect("learnable");
            (trained.model.to_bytes(), trained.metrics, trained.folds)
        };
        assert_eq!(train_on(1), train_on(3));
    }

    #[test]
    fn the_bytes_are_a_model() {
        let (columns, labels) = learnable();
        let model = train(&columns, &labels, PLAN).expect("learnable").model;
        let read = Model::from_bytes(&model.to_bytes()).expect("just written");
        let rows: Vec<usize> = (0..600).collect();
        assert_eq!(read.probabilities(&columns, &rows).ok(), model.probabilities(&columns, &rows).ok());
        assert_eq!((read.features(), read.target()), (model.features(), "y"));
        assert_eq!(read.to_bytes(), model.to_bytes());

        let missing = read.probabilities(&columns[1..], &rows).map(drop).expect_err("column `a` is gone");
        expect!["the model needs column `a` of type float: ask it about rows that have it"]
            .assert_eq(&missing.to_string());
        let other = String::from_utf8(model.to_bytes()).expect("JSON").replacen("\"version\":1", "\"version\":2", 1);
        let newer = Model::from_bytes(other.as_bytes()).map(drop).expect_err("version 2");
        expect!["this model has version 2, and this program reads version 1: train it again"]
            .assert_eq(&newer.to_string());
        assert!(matches!(Model::from_bytes(b"trees"), Err(ModelError::Unreadable(_))));
    }

    #[test]
    fn rows_without_a_target_are_left_out() {
        let (columns, mut labels) = learnable();
        for label in labels.iter_mut().step_by(3) {
            *label = None;
        }
        let trained = train(&columns, &labels, PLAN).expect("learnable");
        assert_eq!(trained.rows, 400);
        let confusion = trained.metrics.confusion;
        let judged =
            confusion.true_positive + confusion.false_positive + confusion.true_negative + confusion.false_negative;
        assert_eq!(judged, 400);
    }

    /// 12 true and 8 false, in folds of 4: every training part has more true ones, so all are predicted true.
    #[test]
    fn the_baseline_answers_the_majority() {
        let columns = [numbers("n", noise(1, 20))];
        let trained = train(&columns, &labels(20, |row| row < 12), PLAN).expect("trainable");
        assert_eq!(trained.baseline.accuracy, 12.0 / 20.0);
        assert_eq!(trained.baseline.confusion.false_positive, 8);
    }

    #[test]
    fn values_at_the_limits_of_their_type_are_no_obstacle() {
        let coin: Vec<f64> = noise(5, 100).collect();
        let extreme = |row: usize| [f64::MAX, f64::MIN, f64::NAN, f64::MIN_POSITIVE, 0.0][row % 5];
        let columns = [
            numbers("extreme", (0..100).map(extreme)),
            numbers("rare", (0..100).map(|row| if row == 3 { 1.0 } else { f64::NAN })),
        ];
        let trained = train(&columns, &labels(100, |row| coin[row] > 0.5), PLAN).expect("trainable");
        let again = Model::from_bytes(&trained.model.to_bytes()).expect("just written");
        let rows: Vec<usize> = (0..100).collect();
        assert_eq!(again.probabilities(&columns, &rows).ok(), trained.model.probabilities(&columns, &rows).ok());
    }

    #[test]
    fn what_cannot_be_trained_says_why() {
        let fine = || vec![numbers("n", noise(1, 20))];
        let half = labels(20, |row| row < 10);
        let refused = |columns: Vec<Column>, labels: Vec<Option<bool>>| {
            let error = Error::from(train(&columns, &labels, PLAN).map(drop).expect_err("refused"));
            assert_eq!(error.kind, ErrorKind::Invalid);
            error.message
        };
        expect!["target `y` is null in all 20 rows: choose a target that is known for some of them"]
            .assert_eq(&refused(fine(), vec![None; 20]));
        expect!["target `y` is true in all 20 rows where it is known, and false in none: choose a target that is sometimes true and sometimes false"]
            .assert_eq(&refused(fine(), labels(20, |_| true)));
        expect!["target `y` is false in all 20 rows where it is known, and true in none: choose a target that is sometimes true and sometimes false"]
            .assert_eq(&refused(fine(), labels(20, |_| false)));
        expect!["target `y` is true in 4 of 20 rows, too few for 5 folds with one each: ask for fewer folds, or choose a target that is true more often"]
            .assert_eq(&refused(fine(), labels(20, |row| row < 4)));
        expect!["target `y` is false in 1 of 20 rows, too few for 5 folds with one each: ask for fewer folds, or choose a target that is false more often"]
            .assert_eq(&refused(fine(), labels(20, |row| row > 0)));
        expect!["no column is left to learn from: exclude fewer columns, or bring some that vary"]
            .assert_eq(&refused(vec![], half.clone()));
        let names: Vec<String> = (0..20).map(|row| format!("name {row}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        expect!["no column is left to learn from (`constant` is the same in all rows, `name` has 20 different texts): exclude fewer columns, or bring some that vary"]
            .assert_eq(&refused(vec![numbers("constant", [1.0; 20]), texts("name", &names)], half));
    }
}
