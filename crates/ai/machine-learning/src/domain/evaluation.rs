use interfaces_ai::{ClassifierMetrics, ConfusionMatrix};

/// Metrics of predicted probabilities: a row counts as predicted true from 0.5 on.
pub fn evaluate(labels: &[bool], probabilities: &[f64]) -> ClassifierMetrics {
    let predicted = probabilities.iter().map(|&probability| probability >= 0.5);
    metrics(confusion(labels, predicted), area_under_roc(labels, probabilities))
}

/// Metrics of a classifier that has no score to rank rows by.
pub fn evaluate_unranked(labels: &[bool], predicted: &[bool]) -> ClassifierMetrics {
    metrics(confusion(labels, predicted.iter().copied()), 0.5)
}

fn metrics(confusion: ConfusionMatrix, auc: f64) -> ClassifierMetrics {
    let right = confusion.true_positive + confusion.true_negative;
    let rows = right + confusion.false_positive + confusion.false_negative;
    ClassifierMetrics { accuracy: right as f64 / rows as f64, auc, confusion }
}

fn confusion(labels: &[bool], predicted: impl Iterator<Item = bool>) -> ConfusionMatrix {
    let (mut true_positive, mut false_positive, mut true_negative, mut false_negative) = (0, 0, 0, 0);
    for (label, predicted) in labels.iter().zip(predicted) {
        match (label, predicted) {
            (true, true) => true_positive += 1,
            (false, true) => false_positive += 1,
            (false, false) => true_negative += 1,
            (true, false) => false_negative += 1,
        }
    }
    ConfusionMatrix { true_positive, false_positive, true_negative, false_negative }
}

/// The probability that a row that is true scores higher than one that is false, ties counting half: the rank statistic of
/// H. B. Mann, D. R. Whitney (1947), which is the area under the ROC curve (J. A. Hanley, B. J. McNeil, 1982).
///
/// NaN if all labels are alike.
fn area_under_roc(labels: &[bool], scores: &[f64]) -> f64 {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_unstable_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let mut ranks_of_true = 0.0;
    let mut before = 0;
    for ties in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
        // Ranks count from 1; tied rows share the mean of theirs.
        let rank = before as f64 + (ties.len() + 1) as f64 / 2.0;
        ranks_of_true += rank * ties.iter().filter(|&&row| labels[row]).count() as f64;
        before += ties.len();
    }
    let positives = labels.iter().filter(|&&label| label).count() as f64;
    let negatives = labels.len() as f64 - positives;
    (ranks_of_true - positives * (positives + 1.0) / 2.0) / (positives * negatives)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABELS: [bool; 6] = [true, true, true, false, false, false];

    /// Of 9 pairs, 0.9 wins three, 0.6 two and ties one, 0.3 one and ties one: 7 of 9.
    #[test]
    fn metrics_are_those_that_were_counted_by_hand() {
        let metrics = evaluate(&LABELS, &[0.9, 0.6, 0.3, 0.6, 0.3, 0.1]);
        assert_eq!(
            metrics.confusion,
            ConfusionMatrix { true_positive: 2, false_positive: 1, true_negative: 2, false_negative: 1 }
        );
        assert_eq!(metrics.accuracy, 4.0 / 6.0);
        assert_eq!(metrics.auc, 7.0 / 9.0);
    }

    #[test]
    fn the_area_runs_from_always_wrong_to_always_right() {
        assert_eq!(area_under_roc(&LABELS, &[0.9, 0.8, 0.7, 0.3, 0.2, 0.1]), 1.0);
        assert_eq!(area_under_roc(&LABELS, &[0.1, 0.2, 0.3, 0.7, 0.8, 0.9]), 0.0);
        assert_eq!(area_under_roc(&LABELS, &[0.4; 6]), 0.5);
    }

    #[test]
    fn one_half_is_predicted_true() {
        assert_eq!(evaluate(&[true, false], &[0.5, 0.499]).accuracy, 1.0);
    }

    #[test]
    fn without_scores_the_area_is_one_half() {
        let metrics = evaluate_unranked(&LABELS, &[true; 6]);
        assert_eq!((metrics.accuracy, metrics.auc), (0.5, 0.5));
    }
}
