use interfaces_ai::TrainingReport;

use crate::domain::ModelVersion;

/// Whether a new version becomes the champion, and why.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Decision {
    pub promote: bool,
    pub reason: String,
}

/// A challenger is promoted if its AUC is higher than the champion's, measured over the same folds of the same bytes; a tie
/// does not promote. Where there is no champion, the majority-class baseline is the one to beat.
pub(crate) fn decide(challenger: &TrainingReport, champion: Option<&ModelVersion>) -> Decision {
    let auc = challenger.metrics.auc;
    let Some(champion) = champion else {
        let baseline = challenger.baseline.auc;
        return compare(auc, baseline, "the majority-class baseline", "no champion yet");
    };
    let name = format!("champion v{}", champion.version);
    let trained = &champion.training;
    if trained.dataset.fingerprint != challenger.dataset.fingerprint {
        return keep(format!(
            "{name} was measured on other data ({}): the two cannot be compared",
            trained.dataset.fingerprint.short()
        ));
    }
    if trained.target != challenger.target {
        return keep(format!("{name} predicts another target, `{}`: the two cannot be compared", trained.target));
    }
    if trained.folds != challenger.folds {
        return keep(format!("{name} was measured over other folds ({}): the two cannot be compared", trained.folds));
    }
    compare(auc, trained.metrics.auc, &name, "same folds of the same data")
}

fn compare(auc: f64, other: f64, name: &str, how: &str) -> Decision {
    if auc > other {
        Decision { promote: true, reason: format!("AUC {auc:.4} beats {name} at {other:.4} ({how})") }
    } else if auc == other {
        keep(format!("AUC {auc:.4} ties with {name} ({how}): a tie does not promote"))
    } else {
        keep(format!("AUC {auc:.4} does not beat {name} at {other:.4} ({how})"))
    }
}

fn keep(reason: String) -> Decision {
    Decision { promote: false, reason }
}
