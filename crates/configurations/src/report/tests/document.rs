use chrono::TimeDelta;
use expect_test::expect;
use saga::{SagaState, StepState};
use serde_json::Value;

use crate::report::{RunReport, SagaSummary, fixture};

fn json(report: &RunReport) -> Value {
    serde_json::to_value(report).unwrap()
}

#[test]
fn a_closed_gate() {
    let mut report = fixture::gate_closed();
    let quality = report.quality.as_mut().unwrap();
    quality.columns.drain(2..);
    quality.checks.drain(..2);
    expect![[r#"
        {
          "saga": {
            "id": "0190b0de-6f0a-7c3e-9f0e-6d9f0f3a1c55",
            "saga": "mlops.pipeline",
            "state": "compensated",
            "correlation_id": "0190b0de-6f09-7d11-8a52-3e0c77d104b2",
            "started_at": "2026-11-21T09:00:00Z",
            "ended_at": "2026-11-21T09:00:00.400Z",
            "steps": [
              {
                "name": "check-quality",
                "state": "done",
                "duration_ms": 398
              },
              {
                "name": "quality-gate",
                "state": "failed",
                "duration_ms": 2,
                "error": {
                  "kind": "rejected",
                  "message": "the quality gate is closed: failed checks: flights lead somewhere else (3 rows)"
                }
              },
              {
                "name": "detect-anomalies",
                "state": "pending"
              },
              {
                "name": "train-model",
                "state": "pending"
              },
              {
                "name": "register-model",
                "state": "pending"
              }
            ]
          },
          "dataset": {
            "url": "file:///home/ada/flights%20week.csv",
            "format": "csv",
            "fingerprint": "sha256:c8cf489ed229d3a214f17b2a755287289ef1fd56a807c65012dfb39e8cf44d8e"
          },
          "options": {
            "model_name": "flights-week",
            "target": "arr_delay > 15",
            "exclude": [
              "dep_delay"
            ],
            "checks": [
              {
                "name": "flights lead somewhere else",
                "severity": "error",
                "tolerance": 0.0,
                "rule": "expression",
                "expr": "origin <> dest"
              }
            ],
            "min_score": 0.5,
            "top_anomalies": 3,
            "folds": 5,
            "seed": 42
          },
          "quality": {
            "dataset": {
              "url": "file:///home/ada/flights%20week.csv",
              "format": "csv",
              "fingerprint": "sha256:c8cf489ed229d3a214f17b2a755287289ef1fd56a807c65012dfb39e8cf44d8e"
            },
            "rows": 6099,
            "columns": [
              {
                "name": "year",
                "type": "integer",
                "nulls": 0,
                "distinct": 1,
                "min": "2013",
                "max": "2013",
                "numeric": {
                  "min": 2013.0,
                  "max": 2013.0,
                  "mean": 2013.0,
                  "std": 0.0,
                  "quantiles": {
                    "p05": 2013.0,
                    "p25": 2013.0,
                    "p50": 2013.0,
                    "p75": 2013.0,
                    "p95": 2013.0
                  }
                },
                "top": [
                  {
                    "value": "2013",
                    "count": 6099
                  }
                ]
              },
              {
                "name": "dep_delay",
                "type": "float",
                "nulls": 35,
                "distinct": 197,
                "min": "-19",
                "max": "853",
                "numeric": {
                  "min": -19.0,
                  "max": 853.0,
                  "mean": 9.200858,
                  "std": 32.115723,
                  "quantiles": {
                    "p05": -8.0,
                    "p25": -4.0,
                    "p50": -1.0,
                    "p75": 9.0,
                    "p95": 64.85
                  }
                },
                "top": [
                  {
                    "value": "-2.0",
                    "count": 461
                  }
                ]
              }
            ],
            "checks": [
              {
                "name": "flights lead somewhere else",
                "kind": "expression",
                "origin": "declared",
                "severity": "error",
                "passed": false,
                "failing": 3,
                "failing_rows": [
                  12,
                  44,
                  5078
                ],
                "finding": "`origin <> dest` does not hold"
              }
            ],
            "score": 0.99859,
            "verdict": "failed"
          },
          "anomalies": [],
          "model": {
            "status": "skipped",
            "reason": "the run did not come to it"
          },
          "registry": {
            "status": "skipped",
            "model_name": "flights-week",
            "reason": "the run did not come to it"
          },
          "events": [
            {
              "event_id": "0190b0de-6f10-7000-8000-000000000000",
              "timestamp": "2026-11-21T09:00:00.400Z",
              "source_module": "data-quality",
              "event_type": "data_quality.check_completed",
              "data": {"rows":6099,"score":0.99859,"verdict":"failed"},
              "metadata": {
                "correlation_id": "0190b0de-6f09-7d11-8a52-3e0c77d104b2",
                "causation_id": "0190b0de-6f0a-7c3e-9f0e-6d9f0f3a1c55",
                "user_id": "local",
                "schema_version": 1,
                "key": "flights-week",
                "priority": "normal",
                "position": 1041
              }
            },
            {
              "event_id": "0190b0de-6f10-7000-8000-000000000001",
              "timestamp": "2026-11-21T09:00:01.100Z",
              "source_module": "mlops",
              "event_type": "mlops.pipeline_failed",
              "data": {"reason":"the quality gate is closed: failed checks: flights lead somewhere else (3 rows)"},
              "metadata": {
                "correlation_id": "0190b0de-6f09-7d11-8a52-3e0c77d104b2",
                "causation_id": "0190b0de-6f0a-7c3e-9f0e-6d9f0f3a1c55",
                "user_id": "local",
                "schema_version": 1,
                "key": "flights-week",
                "priority": "normal",
                "position": 1042
              }
            }
          ],
          "saved": {
            "store": "/home/ada/borough.db",
            "models": "/home/ada/borough.models"
          },
          "failure": {
            "kind": "rejected",
            "message": "the quality gate is closed: failed checks: flights lead somewhere else (3 rows)"
          }
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&report).unwrap());
}

#[test]
fn a_complete_run_has_what_users_ask_for() {
    let document = json(&fixture::complete());
    let asked = [
        "/saga/id",
        "/saga/state",
        "/saga/steps/0/duration_ms",
        "/dataset/fingerprint",
        "/quality/rows",
        "/quality/score",
        "/quality/columns/1/nulls",
        "/quality/columns/1/numeric/quantiles/p50",
        "/quality/checks/1/failing_rows/0",
        "/anomalies/0/row",
        "/anomalies/0/score",
        "/anomalies/0/drivers/0/column",
        "/anomaly_columns/0",
        "/model/status",
        "/model/algorithm",
        "/model/target",
        "/model/metrics/accuracy",
        "/model/metrics/auc",
        "/model/metrics/confusion/true_positive",
        "/model/baseline/accuracy",
        "/registry/status",
        "/registry/version",
        "/registry/champion",
        "/registry/reason",
        "/events/0/timestamp",
        "/events/4/metadata/position",
        "/saved/store",
    ];
    let found: String =
        asked.map(|key| format!("{key} = {}\n", document.pointer(key).unwrap_or(&Value::Null))).concat();
    expect![[r#"
        /saga/id = "0190b0de-6f0a-7c3e-9f0e-6d9f0f3a1c55"
        /saga/state = "completed"
        /saga/steps/0/duration_ms = 412
        /dataset/fingerprint = "sha256:c8cf489ed229d3a214f17b2a755287289ef1fd56a807c65012dfb39e8cf44d8e"
        /quality/rows = 6099
        /quality/score = 0.998761
        /quality/columns/1/nulls = 35
        /quality/columns/1/numeric/quantiles/p50 = -1.0
        /quality/checks/1/failing_rows/0 = 839
        /anomalies/0/row = 152
        /anomalies/0/score = 0.77314
        /anomalies/0/drivers/0/column = "dep_delay"
        /anomaly_columns/0 = "year"
        /model/status = "trained"
        /model/algorithm = "gradient-boosted trees"
        /model/target = "arr_delay > 15"
        /model/metrics/accuracy = 0.831043
        /model/metrics/auc = 0.74231
        /model/metrics/confusion/true_positive = 512
        /model/baseline/accuracy = 0.787026
        /registry/status = "promoted"
        /registry/version = 3
        /registry/champion = 2
        /registry/reason = "AUC 0.7423 beats champion v2 at 0.7311 (same folds of the same data)"
        /events/0/timestamp = "2026-11-21T09:00:00.400Z"
        /events/4/metadata/position = 1045
        /saved/store = "/home/ada/borough.db"
    "#]]
    .assert_eq(&found);
}

#[test]
fn a_run_without_a_target_says_that_it_skipped() {
    let document = json(&fixture::without_target());
    expect![[r#"
        {
          "reason": "no target was given",
          "status": "skipped"
        }
        {
          "model_name": "flights-week",
          "reason": "no model was trained",
          "status": "skipped"
        }"#]]
    .assert_eq(&format!("{:#}\n{:#}", document["model"], document["registry"]));
}

#[test]
fn a_stage_that_was_not_reached_is_absent() {
    let keys = |report: &RunReport| json(report).as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    expect!["anomalies dataset events failure model options quality registry saga saved"]
        .assert_eq(&keys(&fixture::gate_closed()));
    expect!["anomalies anomaly_columns dataset events model options quality registry saga saved"]
        .assert_eq(&keys(&fixture::complete()));
}

#[test]
fn a_summary_has_times_only_of_what_has_ended() {
    let mut record =
        fixture::record(SagaState::Running, &[("one", StepState::Done, 7), ("two", StepState::Started, 0)]);
    record.steps[1].ended_at = None;
    let summary = SagaSummary::from(&record);
    assert_eq!(summary.ended_at, None);
    assert_eq!(summary.steps.iter().map(|step| step.duration_ms).collect::<Vec<_>>(), [Some(7), None]);

    record.state = SagaState::Completed;
    record.updated_at += TimeDelta::microseconds(1);
    assert_eq!(SagaSummary::from(&record).ended_at, Some(record.started_at + TimeDelta::milliseconds(7)));

    record.steps[0].ended_at = Some(record.started_at - TimeDelta::seconds(1));
    assert_eq!(SagaSummary::from(&record).steps[0].duration_ms, Some(0), "the clock was set back");
}
