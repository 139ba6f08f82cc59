//! Three runs, made by hand.

use chrono::{DateTime, TimeDelta, Utc};
use interfaces_ai::{
    AnomalyStage, ClassifierMetrics, ConfusionMatrix, ModelStage, PipelineOptions, PipelineRun, RegistryStage,
    RegistryStatus, StageStatus, TrainingReport,
};
use interfaces_data::{
    Anomaly, CheckKind, CheckOrigin, CheckResult, ColumnProfile, ColumnType, DeclaredCheck, Driver, NumericProfile,
    QualityReport, Quantiles, Rule, Severity, ValueCount, Verdict,
};
use kernel::{
    CausationId, Claims, CorrelationId, DatasetFormat, DatasetRef, Envelope, Error, ErrorKind, EventId, Fingerprint,
    Json, Metadata, Priority,
};
use saga::{SagaId, SagaRecord, SagaState, StepRecord, StepState};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::report::{RunReport, SagaSummary, Saved};

pub const ROWS: u64 = 6099;

/// Everything done, the model promoted over an earlier one.
pub fn complete() -> RunReport {
    let steps = [
        ("check-quality", StepState::Done, 412),
        ("quality-gate", StepState::Done, 3),
        ("detect-anomalies", StepState::Done, 655),
        ("train-model", StepState::Done, 2140),
        ("register-model", StepState::Done, 12),
    ];
    let options = options(Some("arr_delay > 15"));
    let run = PipelineRun {
        quality: Some(quality(Verdict::Warned, 0.998_761, vec![cancelled(), aircraft()])),
        anomalies: Some(anomalies()),
        model: Some(ModelStage { status: StageStatus::Trained, reason: None, report: Some(training()) }),
        registry: Some(RegistryStage {
            status: RegistryStatus::Promoted,
            model_name: "flights-week".into(),
            version: Some(3),
            reason: "AUC 0.7423 beats champion v2 at 0.7311 (same folds of the same data)".into(),
            champion: Some(2),
            model: Some(Fingerprint::of(b"model")),
        }),
        ..started(options)
    };
    let saved = Saved { report: Some("/home/ada/report.html".into()), ..saved() };
    RunReport::new(run, summary(SagaState::Completed, &steps), events(&happened()), saved)
}

/// The quality gate closed: an error among the checks. Nothing had a lasting effect, so nothing was undone.
pub fn gate_closed() -> RunReport {
    let message = "the quality gate is closed: failed checks: flights lead somewhere else (3 rows)";
    let failure = Error::new(ErrorKind::Rejected, message);
    let steps = [
        ("check-quality", StepState::Done, 398),
        ("quality-gate", StepState::Failed, 2),
        ("detect-anomalies", StepState::Pending, 0),
        ("train-model", StepState::Pending, 0),
        ("register-model", StepState::Pending, 0),
    ];
    let mut saga = summary(SagaState::Compensated, &steps);
    saga.steps[1].error = Some(failure.clone());
    let run = PipelineRun {
        quality: Some(quality(Verdict::Failed, 0.998_59, vec![cancelled(), circular()])),
        failure: Some(failure),
        ..started(options(Some("arr_delay > 15")))
    };
    let events = events(&[
        ("data-quality", "data_quality.check_completed", json!({"rows": ROWS, "score": 0.99859, "verdict": "failed"})),
        ("mlops", "mlops.pipeline_failed", json!({"reason": message})),
    ]);
    RunReport::new(run, saga, events, saved())
}

/// No target: neither model nor registry.
pub fn without_target() -> RunReport {
    let steps = [
        ("check-quality", StepState::Done, 401),
        ("quality-gate", StepState::Done, 2),
        ("detect-anomalies", StepState::Done, 633),
        ("train-model", StepState::Done, 1),
        ("register-model", StepState::Done, 1),
    ];
    let run = PipelineRun {
        quality: Some(quality(Verdict::Passed, 1.0, Vec::new())),
        anomalies: Some(anomalies()),
        model: Some(ModelStage {
            status: StageStatus::Skipped,
            reason: Some("no target was given".into()),
            report: None,
        }),
        registry: Some(RegistryStage {
            status: RegistryStatus::Skipped,
            model_name: "flights-week".into(),
            version: None,
            reason: "no model was trained".into(),
            champion: None,
            model: None,
        }),
        ..started(options(None))
    };
    let events = events(&happened()[..2]);
    RunReport::new(run, summary(SagaState::Completed, &steps), events, saved())
}

/// `complete`, on a dataset of so many columns, with a failed check and a driver for each of them.
pub fn with_columns(number: usize) -> RunReport {
    let mut report = complete();
    let names: Vec<String> = (1..=number).map(|n| format!("measurement_{n:03}_of_the_second_sensor")).collect();
    let quality = report.quality.as_mut().expect("the stage was reached");
    let column = quality.columns[1].clone();
    quality.columns = names.iter().map(|name| ColumnProfile { name: name.clone(), ..column.clone() }).collect();
    quality.checks = names
        .iter()
        .map(|name| CheckResult { name: format!("{name} is complete"), column: Some(name.clone()), ..aircraft() })
        .collect();
    let driver = |name: &String| Driver { column: name.clone(), value: Some(1e-5), share: 0.005 };
    let drivers: Vec<Driver> = names.iter().map(driver).collect();
    let anomaly = |row| Anomaly { row, score: 0.6, drivers: drivers.clone() };
    report.anomalies = (1..=50).map(anomaly).collect();
    report.anomaly_columns = Some(names.clone());
    report.model.training.as_mut().expect("a model was trained").features = names;
    report
}

fn options(target: Option<&str>) -> PipelineOptions {
    PipelineOptions {
        model_name: "flights-week".into(),
        target: target.map(String::from),
        exclude: vec!["dep_delay".into()],
        checks: vec![DeclaredCheck {
            name: Some("flights lead somewhere else".into()),
            severity: Severity::Error,
            tolerance: 0.0,
            rule: Rule::Expression { expr: "origin <> dest".into() },
        }],
        min_score: 0.5,
        top_anomalies: 3,
        folds: 5,
        seed: 42,
    }
}

fn started(options: PipelineOptions) -> PipelineRun {
    PipelineRun {
        saga_id: run_id(),
        dataset: dataset(),
        options,
        quality: None,
        anomalies: None,
        model: None,
        registry: None,
        failure: None,
    }
}

fn run_id() -> Uuid {
    Uuid::from_u128(0x0190_b0de_6f0a_7c3e_9f0e_6d9f_0f3a_1c55)
}

fn correlation() -> CorrelationId {
    CorrelationId::new(Uuid::from_u128(0x0190_b0de_6f09_7d11_8a52_3e0c_77d1_04b2))
}

fn at(milliseconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::milliseconds(1_795_251_600_000 + milliseconds)
}

fn dataset() -> DatasetRef {
    DatasetRef {
        url: "file:///home/ada/flights%20week.csv".into(),
        format: DatasetFormat::Csv,
        fingerprint: Fingerprint::of(b"flights"),
    }
}

fn saved() -> Saved {
    Saved { store: "/home/ada/borough.db".into(), models: "/home/ada/borough.models".into(), report: None }
}

fn summary(state: SagaState, steps: &[(&str, StepState, i64)]) -> SagaSummary {
    SagaSummary::from(&record(state, steps))
}

/// Steps one after the other, each with its milliseconds; one that is pending has none.
pub fn record(state: SagaState, steps: &[(&str, StepState, i64)]) -> SagaRecord {
    let mut now = 0;
    let mut step = |(name, state, milliseconds): &(&str, StepState, i64)| {
        let begun = *state != StepState::Pending;
        let started = at(now);
        now += milliseconds;
        StepRecord {
            name: (*name).into(),
            state: *state,
            attempts: u32::from(begun),
            started_at: begun.then_some(started),
            ended_at: begun.then(|| at(now)),
            undone_at: None,
            error: None,
            events: Vec::new(),
        }
    };
    let steps = steps.iter().map(&mut step).collect();
    SagaRecord {
        id: SagaId(run_id()),
        saga: "mlops.pipeline".into(),
        version: 1,
        state,
        correlation_id: correlation(),
        claims: Claims::new("local", []),
        begun_in: "mlops".into(),
        begun_by: Some("mlops.start-pipeline".into()),
        causation_id: None,
        started_at: at(0),
        updated_at: at(now),
        steps,
        data: Value::Null,
        error: None,
        events: Vec::new(),
    }
}

fn happened() -> [(&'static str, &'static str, Value); 5] {
    [
        ("data-quality", "data_quality.check_completed", json!({"rows": ROWS, "score": 0.998761, "verdict": "warned"})),
        (
            "anomaly-detection",
            "anomaly_detection.detection_completed",
            json!({"anomalies": 3, "highest_score": 0.7731}),
        ),
        ("machine-learning", "machine_learning.model_trained", json!({"accuracy": 0.83104, "auc": 0.74231})),
        ("mlops", "mlops.model_registered", json!({"model_name": "flights-week", "version": 3})),
        ("mlops", "mlops.model_promoted", json!({"model_name": "flights-week", "version": 3, "previous": 2})),
    ]
}

fn events(happened: &[(&str, &str, Value)]) -> Vec<Envelope> {
    let envelope = |(index, (module, event_type, data)): (u32, &(&str, &str, Value))| Envelope {
        event_id: EventId::new(Uuid::from_u128(0x0190_b0de_6f10_7000_8000_0000_0000_0000 + u128::from(index))),
        timestamp: at(400 + i64::from(index) * 700),
        source_module: (*module).to_owned().into(),
        event_type: (*event_type).to_owned().into(),
        data: Json::of(data).unwrap(),
        metadata: Metadata {
            correlation_id: correlation(),
            causation_id: Some(CausationId::new(run_id())),
            user_id: "local".into(),
            schema_version: 1,
            key: "flights-week".into(),
            priority: Priority::Normal,
            position: Some(1041 + u64::from(index)),
        },
    };
    (0..).zip(happened).map(envelope).collect()
}

fn quality(verdict: Verdict, score: f64, mut checks: Vec<CheckResult>) -> QualityReport {
    checks.insert(0, passed());
    QualityReport { dataset: dataset(), rows: ROWS, columns: columns(), checks, score, verdict }
}

fn columns() -> Vec<ColumnProfile> {
    let cancelled = ColumnProfile { min: None, max: None, ..text("remarks", ROWS, 0, ["", ""], &[]) };
    vec![
        numeric(
            "year",
            ColumnType::Integer,
            0,
            1,
            NumericProfile {
                min: 2013.0,
                max: 2013.0,
                mean: 2013.0,
                std: 0.0,
                quantiles: Quantiles { p05: 2013.0, p25: 2013.0, p50: 2013.0, p75: 2013.0, p95: 2013.0 },
            },
            ("2013", 6099),
        ),
        numeric(
            "dep_delay",
            ColumnType::Float,
            35,
            197,
            NumericProfile {
                min: -19.0,
                max: 853.0,
                mean: 9.200_858,
                std: 32.115_723,
                quantiles: Quantiles { p05: -8.0, p25: -4.0, p50: -1.0, p75: 9.0, p95: 64.85 },
            },
            ("-2.0", 461),
        ),
        numeric(
            "distance",
            ColumnType::Integer,
            0,
            177,
            NumericProfile {
                min: 80.0,
                max: 4983.0,
                mean: 1_044.133_137,
                std: 723.426_969,
                quantiles: Quantiles { p05: 199.0, p25: 502.0, p50: 937.0, p75: 1389.0, p95: 2475.0 },
            },
            ("2475", 219),
        ),
        numeric(
            "revenue",
            ColumnType::Integer,
            0,
            6098,
            NumericProfile {
                min: -1_204_776.0,
                max: 98_765_432.0,
                mean: 7_654_321.25,
                std: 8_134_222.5,
                quantiles: Quantiles {
                    p05: 11_212.0,
                    p25: 804_110.0,
                    p50: 5_210_433.0,
                    p75: 11_870_204.5,
                    p95: 23_551_002.0,
                },
            },
            ("0", 2),
        ),
        text("carrier", 0, 15, ["9E", "YV"], &[("B6", 1107), ("UA", 1067), ("EV", 888)]),
        text("tailnum", 8, 2048, ["N0EGMQ", "N9EAMQ"], &[("N730MQ", 17), ("N14542", 17)]),
        ColumnProfile {
            column_type: ColumnType::Boolean,
            ..text("diverted", 0, 2, ["false", "true"], &[("false", 6078), ("true", 21)])
        },
        ColumnProfile {
            column_type: ColumnType::Date,
            ..text("day", 0, 7, ["2013-01-01", "2013-01-07"], &[("2013-01-02", 943), ("2013-01-07", 933)])
        },
        ColumnProfile {
            column_type: ColumnType::Timestamp,
            ..text(
                "time_hour",
                0,
                133,
                ["2013-01-01T10:00:00Z", "2013-01-08T04:00:00Z"],
                &[("2013-01-02T11:00:00Z", 80)],
            )
        },
        text("flight_id", 0, ROWS, ["0001", "6099"], &[("0001", 1), ("0002", 1)]),
        ColumnProfile { column_type: ColumnType::Null, ..cancelled },
    ]
}

fn numeric(
    name: &str,
    column_type: ColumnType,
    nulls: u64,
    distinct: u64,
    numeric: NumericProfile,
    (value, count): (&str, u64),
) -> ColumnProfile {
    let bounds = [numeric.min.to_string(), numeric.max.to_string()];
    ColumnProfile {
        column_type,
        numeric: Some(numeric),
        ..text(name, nulls, distinct, [&bounds[0], &bounds[1]], &[(value, count)])
    }
}

fn text(name: &str, nulls: u64, distinct: u64, [min, max]: [&str; 2], top: &[(&str, u64)]) -> ColumnProfile {
    ColumnProfile {
        name: name.into(),
        column_type: ColumnType::Text,
        nulls,
        distinct,
        min: Some(min.into()),
        max: Some(max.into()),
        numeric: None,
        top: top.iter().map(|(value, count)| ValueCount { value: (*value).into(), count: *count }).collect(),
    }
}

fn passed() -> CheckResult {
    CheckResult {
        name: "every flight has a carrier".into(),
        kind: CheckKind::Completeness,
        origin: CheckOrigin::Declared,
        column: Some("carrier".into()),
        severity: Severity::Error,
        passed: true,
        failing: 0,
        failing_rows: Vec::new(),
        finding: "no row is without a value".into(),
    }
}

fn cancelled() -> CheckResult {
    CheckResult {
        name: "dep_delay is complete".into(),
        origin: CheckOrigin::Inferred,
        column: Some("dep_delay".into()),
        severity: Severity::Warn,
        passed: false,
        failing: 35,
        failing_rows: vec![839, 840, 841, 842, 1778, 1779],
        finding: "35 of 6099 rows have no value".into(),
        ..passed()
    }
}

fn aircraft() -> CheckResult {
    CheckResult {
        name: "aircraft are registered in the United States".into(),
        kind: CheckKind::Pattern,
        column: Some("tailnum".into()),
        severity: Severity::Warn,
        passed: false,
        failing: 1,
        failing_rows: vec![2118],
        finding: "`CGKWF` does not match ^N[0-9A-Z]{2,5}$".into(),
        ..passed()
    }
}

fn circular() -> CheckResult {
    CheckResult {
        name: "flights lead somewhere else".into(),
        kind: CheckKind::Expression,
        column: None,
        passed: false,
        failing: 3,
        failing_rows: vec![12, 44, 5078],
        finding: "`origin <> dest` does not hold".into(),
        ..passed()
    }
}

fn anomalies() -> AnomalyStage {
    let driver = |column: &str, value, share| Driver { column: column.into(), value, share };
    let anomaly = |row, score, drivers: [Driver; 3]| Anomaly { row, score, drivers: drivers.into() };
    AnomalyStage {
        columns: ["year", "dep_delay", "distance", "revenue"].map(String::from).into(),
        anomalies: vec![
            anomaly(
                152,
                0.773_14,
                [
                    driver("dep_delay", Some(853.0), 0.612),
                    driver("revenue", Some(98_765_432.0), 0.221),
                    driver("distance", Some(184.0), 0.104),
                ],
            ),
            anomaly(
                4881,
                0.718_8,
                [
                    driver("distance", Some(4983.0), 0.58),
                    driver("dep_delay", None, 0.311),
                    driver("revenue", Some(-1_204_776.0), 0.109),
                ],
            ),
            anomaly(
                835,
                0.690_02,
                [
                    driver("dep_delay", Some(379.0), 0.5),
                    driver("revenue", Some(12.0), 0.3),
                    driver("distance", Some(229.0), 0.2),
                ],
            ),
        ],
    }
}

fn training() -> TrainingReport {
    TrainingReport {
        dataset: dataset(),
        algorithm: "gradient-boosted trees".into(),
        target: "arr_delay > 15".into(),
        features: ["year", "distance", "revenue", "carrier", "diverted", "day", "time_hour"].map(String::from).into(),
        rows: 6043,
        folds: "5 stratified folds, seed 42".into(),
        metrics: ClassifierMetrics {
            accuracy: 0.831_043,
            auc: 0.742_31,
            confusion: ConfusionMatrix {
                true_positive: 512,
                false_positive: 246,
                true_negative: 4510,
                false_negative: 775,
            },
        },
        baseline: ClassifierMetrics {
            accuracy: 0.787_026,
            auc: 0.5,
            confusion: ConfusionMatrix {
                true_positive: 0,
                false_positive: 0,
                true_negative: 4756,
                false_negative: 1287,
            },
        },
        model: Fingerprint::of(b"model"),
        model_bytes: 186_520,
    }
}
