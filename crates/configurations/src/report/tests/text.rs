use expect_test::{Expect, expect};
use interfaces_data::ColumnProfile;
use kernel::{Error, ErrorKind};
use saga::{SagaState, StepState};

use crate::report::{RunReport, fixture, terminal};

fn plain(report: &RunReport, width: usize) -> String {
    anstream::adapter::strip_str(&terminal::render(report, width)).to_string()
}

fn check(report: &RunReport, width: usize, expected: Expect) {
    expected.assert_eq(&plain(report, width));
}

#[test]
fn a_complete_run_in_80_columns() {
    check(
        &fixture::complete(),
        80,
        expect![[r#"
            flights week.csv  ✓ completed in 3.22 s
              data     6,099 rows, 11 columns, csv, sha256 c8cf489ed229
              run      0190b0de-6f0a-7c3e-9f0e-6d9f0f3a1c55
              started  2026-11-21 09:00:00 UTC
              steps    check-quality 412 ms, quality-gate 3 ms, detect-anomalies 655 ms,
                       train-model 2.14 s, register-model 12 ms

            Quality  ! passed with warnings, score 0.9987 (minimum 0.5)
              column     type       nulls  distinct         min       mean       max / top
              ────────────────────────────────────────────────────────────────────────────
              year       integer       0%         1        2013       2013            2013
              dep_delay  float      0.57%       197         -19      9.201             853
              distance   integer       0%       177          80       1044            4983
              revenue    integer       0%     6,098  -1,204,776  7,654,321      98,765,432
              carrier    text          0%        15                             B6 (18.2%)
              tailnum    text       0.13%     2,048                         N730MQ (0.28%)
              diverted   boolean       0%         2                          false (99.7%)
              day        date          0%         7  2013-01-01                 2013-01-07
              time_hour  timestamp     0%       133  2013-01-01                 2013-01-08
              flight_id  text          0%     6,099                          all different
              remarks    null        100%         0

              1 of 3 checks passed
                 check                           rows  finding
              ──────────────────────────────────────────────────────────────────────────────
              !  dep_delay is complete             35  35 of 6099 rows have no value (rows
                                                       839, 840, 841, 842, 1778…)
              !  aircraft are registered in the     1  `CGKWF` does not match
                 United States                         ^N[0-9A-Z]{2,5}$ (row 2118)

            Anomalies  the 3 most unusual of 6,099 rows over 4 numeric columns
               row   score  driven by
              ───────────────────────────────────────────────────────────
               152  0.7731  dep_delay 853 (61%), revenue 98,765,432 (22%)
              4881  0.7188  distance 4983 (58%), dep_delay missing (31%)
               835  0.6900  dep_delay 379 (50%), revenue 12 (30%)

            Model  gradient-boosted trees for arr_delay > 15
                         model  majority class    difference
              ──────────────────────────────────────────────
              accuracy  83.10%          78.70%  +4.40 points
              AUC       0.7423          0.5000       +0.2423

              in truth  predicted true  predicted false
              ─────────────────────────────────────────
              true         512 (39.8%)      775 (60.2%)
              false         246 (5.2%)    4,510 (94.8%)

              features  7 columns: year, distance, revenue, carrier, diverted, day,
                        time_hour
              rows      6,043 with a known target
              folds     5 stratified folds, seed 42
              model     sha256 9372c470eead, 182.1 KiB

            Registry  ✓ flights-week v3, promoted
              why       AUC 0.7423 beats champion v2 at 0.7311 (same folds of the same data)
              champion  v3, before v2

            Events  correlation 0190b0de-6f09-7d11-8a52-3e0c77d104b2
                 #  time (UTC)    event                                  module
              ────────────────────────────────────────────────────────────────────────────
              1041  09:00:00.400  data_quality.check_completed           data-quality
              1042  09:00:01.100  anomaly_detection.detection_completed  anomaly-detection
              1043  09:00:01.800  machine_learning.model_trained         machine-learning
              1044  09:00:02.500  mlops.model_registered                 mlops
              1045  09:00:03.200  mlops.model_promoted                   mlops

            Saved
              store   /home/ada/borough.db
              models  /home/ada/borough.models
              page    /home/ada/report.html
        "#]],
    );
}

#[test]
fn a_complete_run_in_120_columns() {
    check(
        &fixture::complete(),
        120,
        expect![[r#"
            flights week.csv  ✓ completed in 3.22 s
              data     6,099 rows, 11 columns, csv, sha256 c8cf489ed229
              run      0190b0de-6f0a-7c3e-9f0e-6d9f0f3a1c55
              started  2026-11-21 09:00:00 UTC
              steps    check-quality 412 ms, quality-gate 3 ms, detect-anomalies 655 ms, train-model 2.14 s, register-model 12 ms

            Quality  ! passed with warnings, score 0.9987 (minimum 0.5)
              column     type       nulls  distinct               min     median       mean               max  most frequent
              ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────
              year       integer       0%         1              2013       2013       2013              2013  2013 (100%)
              dep_delay  float      0.57%       197               -19         -1      9.201               853  -2 (7.6%)
              distance   integer       0%       177                80        937       1044              4983  2475 (3.6%)
              revenue    integer       0%     6,098        -1,204,776  5,210,433  7,654,321        98,765,432  0 (0.03%)
              carrier    text          0%        15                9E                                      YV  B6 (18.2%)
              tailnum    text       0.13%     2,048            N0EGMQ                                  N9EAMQ  N730MQ (0.28%)
              diverted   boolean       0%         2             false                                    true  false (99.7%)
              day        date          0%         7        2013-01-01                              2013-01-07  2013-01-02 (15.5%)
              time_hour  timestamp     0%       133  2013-01-01 10:00                        2013-01-08 04:00  2013-01-02 11:00…
              flight_id  text          0%     6,099              0001                                    6099  all different
              remarks    null        100%         0

              1 of 3 checks passed
                 check                                         rows  finding
              ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
              !  dep_delay is complete                           35  35 of 6099 rows have no value (rows 839, 840, 841, 842, 1778…)
              !  aircraft are registered in the United States     1  `CGKWF` does not match ^N[0-9A-Z]{2,5}$ (row 2118)

            Anomalies  the 3 most unusual of 6,099 rows over 4 numeric columns
               row   score  driven by
              ────────────────────────────────────────────────────────────────────────────────────
               152  0.7731  dep_delay 853 (61%), revenue 98,765,432 (22%), distance 184 (10%)
              4881  0.7188  distance 4983 (58%), dep_delay missing (31%), revenue -1,204,776 (11%)
               835  0.6900  dep_delay 379 (50%), revenue 12 (30%), distance 229 (20%)

            Model  gradient-boosted trees for arr_delay > 15
                         model  majority class    difference
              ──────────────────────────────────────────────
              accuracy  83.10%          78.70%  +4.40 points
              AUC       0.7423          0.5000       +0.2423

              in truth  predicted true  predicted false
              ─────────────────────────────────────────
              true         512 (39.8%)      775 (60.2%)
              false         246 (5.2%)    4,510 (94.8%)

              features  7 columns: year, distance, revenue, carrier, diverted, day, time_hour
              rows      6,043 with a known target
              folds     5 stratified folds, seed 42
              model     sha256 9372c470eead, 182.1 KiB

            Registry  ✓ flights-week v3, promoted
              why       AUC 0.7423 beats champion v2 at 0.7311 (same folds of the same data)
              champion  v3, before v2

            Events  correlation 0190b0de-6f09-7d11-8a52-3e0c77d104b2
                 #  time (UTC)    event                                  module
              ────────────────────────────────────────────────────────────────────────────
              1041  09:00:00.400  data_quality.check_completed           data-quality
              1042  09:00:01.100  anomaly_detection.detection_completed  anomaly-detection
              1043  09:00:01.800  machine_learning.model_trained         machine-learning
              1044  09:00:02.500  mlops.model_registered                 mlops
              1045  09:00:03.200  mlops.model_promoted                   mlops

            Saved
              store   /home/ada/borough.db
              models  /home/ada/borough.models
              page    /home/ada/report.html
        "#]],
    );
}

#[test]
fn a_closed_gate() {
    check(
        &fixture::gate_closed(),
        80,
        expect![[r#"
            flights week.csv  ✗ stopped at quality-gate and undone
              data     6,099 rows, 11 columns, csv, sha256 c8cf489ed229
              run      0190b0de-6f0a-7c3e-9f0e-6d9f0f3a1c55
              started  2026-11-21 09:00:00 UTC
              steps    check-quality 398 ms, quality-gate 2 ms

            Quality  ✗ failed, score 0.9985 (minimum 0.5)
              column     type       nulls  distinct         min       mean       max / top
              ────────────────────────────────────────────────────────────────────────────
              year       integer       0%         1        2013       2013            2013
              dep_delay  float      0.57%       197         -19      9.201             853
              distance   integer       0%       177          80       1044            4983
              revenue    integer       0%     6,098  -1,204,776  7,654,321      98,765,432
              carrier    text          0%        15                             B6 (18.2%)
              tailnum    text       0.13%     2,048                         N730MQ (0.28%)
              diverted   boolean       0%         2                          false (99.7%)
              day        date          0%         7  2013-01-01                 2013-01-07
              time_hour  timestamp     0%       133  2013-01-01                 2013-01-08
              flight_id  text          0%     6,099                          all different
              remarks    null        100%         0

              1 of 3 checks passed
                 check                        rows  finding
              ──────────────────────────────────────────────────────────────────────────────
              ✗  flights lead somewhere else     3  `origin <> dest` does not hold (rows 12,
                                                    44, 5078)
              !  dep_delay is complete          35  35 of 6099 rows have no value (rows 839,
                                                    840, 841, 842, 1778…)

            Model  skipped: the run did not come to it

            Registry  skipped: the run did not come to it

            Events  correlation 0190b0de-6f09-7d11-8a52-3e0c77d104b2
                 #  time (UTC)    event                         module
              ──────────────────────────────────────────────────────────────
              1041  09:00:00.400  data_quality.check_completed  data-quality
              1042  09:00:01.100  mlops.pipeline_failed         mlops

            Saved
              store  /home/ada/borough.db

            Not completed  ✗ stopped at quality-gate and undone
              why        the quality gate is closed: failed checks: flights lead somewhere
                         else (3 rows)
              undone     nothing: no step had to be taken back
              not begun  detect-anomalies, train-model, register-model
              go on      correct the data, or give the check `severity = "warn"` to have it
                         reported only; then run again
        "#]],
    );
}

#[test]
fn a_run_without_a_target() {
    check(
        &fixture::without_target(),
        80,
        expect![[r#"
            flights week.csv  ✓ completed in 1.04 s
              data     6,099 rows, 11 columns, csv, sha256 c8cf489ed229
              run      0190b0de-6f0a-7c3e-9f0e-6d9f0f3a1c55
              started  2026-11-21 09:00:00 UTC
              steps    check-quality 401 ms, quality-gate 2 ms, detect-anomalies 633 ms,
                       train-model 1 ms, register-model 1 ms

            Quality  ✓ passed, score 1.0000 (minimum 0.5)
              column     type       nulls  distinct         min       mean       max / top
              ────────────────────────────────────────────────────────────────────────────
              year       integer       0%         1        2013       2013            2013
              dep_delay  float      0.57%       197         -19      9.201             853
              distance   integer       0%       177          80       1044            4983
              revenue    integer       0%     6,098  -1,204,776  7,654,321      98,765,432
              carrier    text          0%        15                             B6 (18.2%)
              tailnum    text       0.13%     2,048                         N730MQ (0.28%)
              diverted   boolean       0%         2                          false (99.7%)
              day        date          0%         7  2013-01-01                 2013-01-07
              time_hour  timestamp     0%       133  2013-01-01                 2013-01-08
              flight_id  text          0%     6,099                          all different
              remarks    null        100%         0

              1 of 1 check passed

            Anomalies  the 3 most unusual of 6,099 rows over 4 numeric columns
               row   score  driven by
              ───────────────────────────────────────────────────────────
               152  0.7731  dep_delay 853 (61%), revenue 98,765,432 (22%)
              4881  0.7188  distance 4983 (58%), dep_delay missing (31%)
               835  0.6900  dep_delay 379 (50%), revenue 12 (30%)

            Model  skipped: no target was given

            Registry  skipped: no model was trained

            Events  correlation 0190b0de-6f09-7d11-8a52-3e0c77d104b2
                 #  time (UTC)    event                                  module
              ────────────────────────────────────────────────────────────────────────────
              1041  09:00:00.400  data_quality.check_completed           data-quality
              1042  09:00:01.100  anomaly_detection.detection_completed  anomaly-detection

            Saved
              store  /home/ada/borough.db
        "#]],
    );
}

#[test]
fn no_line_is_longer_than_the_width() {
    for report in [fixture::complete(), fixture::gate_closed(), fixture::without_target(), fixture::with_columns(200)] {
        for width in [60, 72, 80, 100, 120, 200] {
            for line in plain(&report, width).lines() {
                assert!(line.chars().count() <= width, "{width}: {line}");
                assert_eq!(line, line.trim_end(), "no blanks at the end of a line");
            }
        }
    }
}

#[test]
fn extreme_values_fit() {
    let mut report = fixture::complete();
    let quality = report.quality.as_mut().unwrap();
    quality.rows = u64::MAX;
    let numeric = quality.columns[3].numeric.as_mut().unwrap();
    (numeric.min, numeric.max, numeric.mean) = (i64::MIN as f64, i64::MAX as f64, 1.234_567_8e17);
    for column in &mut quality.columns {
        column.name = "x".repeat(300);
        column.nulls = 1;
        column.distinct = 123_456_789;
        if column.numeric.is_none() {
            (column.min, column.max) = (Some("y".repeat(300)), Some("z".repeat(300)));
        }
    }
    report.model.training.as_mut().unwrap().target = "t".repeat(300);
    report.registry.model_name = "m".repeat(300);
    for width in [60, 72, 80, 100, 110, 120] {
        let text = plain(&report, width);
        assert!(text.lines().all(|line| line.chars().count() <= width), "{width}: {text}");
        assert!(width < 80 || text.contains("-9.223e18"), "{width}: {text}");
    }
}

#[test]
fn many_columns_are_a_number() {
    let text = plain(&fixture::with_columns(200), 80);
    for rest in ["160 more columns", "180 more checks", "30 more anomalies", "195 more\n"] {
        assert!(text.contains(rest), "{rest} in {text}");
    }
    assert!(text.lines().count() < 180, "{} lines", text.lines().count());
}

#[test]
fn text_of_the_dataset_cannot_steer_the_terminal() {
    let mut report = fixture::complete();
    let quality = report.quality.as_mut().unwrap();
    let hostile = "\u{1b}]0;x\u{7}\r\n\u{202e}";
    quality.columns[0] = ColumnProfile { name: hostile.into(), ..quality.columns[4].clone() };
    quality.columns[0].top[0].value = hostile.into();
    quality.checks[1].name = hostile.into();
    quality.checks[1].finding = hostile.into();
    report.anomalies[0].drivers[0].column = hostile.into();
    report.registry.reason = hostile.into();
    let rendered = terminal::render(&report, 120);
    assert!(!rendered.contains(['\u{7}', '\r', '\u{202e}']) && !rendered.contains("\u{1b}]"));
    assert_eq!(rendered.matches(r"\u{1b}]0;").count(), 6);
}

/// The heading of the run and all that stands below the last.
fn ends(report: &RunReport) -> String {
    let text = plain(report, 120);
    let (first, last) = (text.lines().next().unwrap(), text.rsplit("\n\n").next().unwrap());
    format!("{first}\n{last}")
}

#[test]
fn every_other_end_says_how_to_go_on() {
    let mut running = fixture::gate_closed();
    running.failure = None;
    running.saga.state = SagaState::Running;
    running.saga.ended_at = None;
    running.saga.steps[1].state = StepState::Started;
    running.saga.steps[1].error = None;
    expect![[r#"
        flights week.csv  ! not finished, at quality-gate
        Not completed  ! not finished, at quality-gate
          not begun  detect-anomalies, train-model, register-model
          go on      `borough sagas resume 0190b0de-6f0a-7c3e-9f0e-6d9f0f3a1c55` goes on where it was left
    "#]]
    .assert_eq(&ends(&running));

    let mut stuck = fixture::gate_closed();
    stuck.saga.state = SagaState::Stuck;
    stuck.saga.ended_at = None;
    stuck.saga.steps[0].error = Some(Error::new(ErrorKind::Unavailable, "the store is busy"));
    expect![[r#"
        flights week.csv  ✗ stuck: check-quality could not be undone
        Not completed  ✗ stuck: check-quality could not be undone
          why        the quality gate is closed: failed checks: flights lead somewhere else (3 rows)
          undone     nothing yet
          not begun  detect-anomalies, train-model, register-model
          go on      remove the cause, then `borough sagas resume 0190b0de-6f0a-7c3e-9f0e-6d9f0f3a1c55` tries again; `borough
                     sagas show 0190b0de-6f0a-7c3e-9f0e-6d9f0f3a1c55` has the timeline
    "#]].assert_eq(&ends(&stuck));

    let mut undone = fixture::gate_closed();
    undone.saga.steps[0].state = StepState::Undone;
    undone.failure = Some(Error::new(ErrorKind::Unavailable, "the store is busy: try again"));
    expect![[r#"
        flights week.csv  ✗ stopped at quality-gate and undone
        Not completed  ✗ stopped at quality-gate and undone
          why        the store is busy: try again
          undone     check-quality
          not begun  detect-anomalies, train-model, register-model
          go on      run again: the cause may have passed
    "#]]
    .assert_eq(&ends(&undone));
}

#[test]
fn a_score_below_the_minimum_closes_the_gate_as_well() {
    let mut report = fixture::gate_closed();
    let quality = report.quality.as_mut().unwrap();
    quality.verdict = interfaces_data::Verdict::Warned;
    quality.score = 0.949_99;
    report.options.min_score = 0.95;
    let text = plain(&report, 80);
    assert!(text.contains("below the minimum, score 0.9499 (minimum 0.95)"), "{text}");
    assert!(text.contains("accept its score with `--min-score`"), "{text}");
}
