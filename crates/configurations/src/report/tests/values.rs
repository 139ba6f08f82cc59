use expect_test::expect;

use crate::report::figures;

#[test]
fn numbers() {
    let values = [
        0.0,
        -0.0,
        1.0,
        2013.0,
        9999.5,
        12_345.678,
        -1_204_776.0,
        9.200_858,
        64.85,
        0.5,
        0.012_345,
        0.000_123_45,
        0.000_012_345,
        -3.2e-9,
        9.999_96,
        123_456_789_012.0,
        1e15,
        1.5e300,
        f64::NAN,
        f64::NEG_INFINITY,
    ];
    let shown: String = values.map(|value| format!("{value:?} {}\n", figures::number(value))).concat();
    expect![[r#"
        0.0 0
        -0.0 0
        1.0 1
        2013.0 2013
        9999.5 10,000
        12345.678 12,346
        -1204776.0 -1,204,776
        9.200858 9.201
        64.85 64.85
        0.5 0.5
        0.012345 0.01235
        0.00012345 0.0001234
        1.2345e-5 1.234e-5
        -3.2e-9 -3.2e-9
        9.99996 10
        123456789012.0 123,456,789,012
        1000000000000000.0 1e15
        1.5e300 1.5e300
        NaN NaN
        -inf -inf
    "#]]
    .assert_eq(&shown);
}

#[test]
fn integers_keep_every_digit() {
    let shown = ["7", "2013", "12345", "-12345", "9223372036854775807", "0012345x"].map(figures::whole);
    expect![[r#"
        7
        2013
        12,345
        -12,345
        9,223,372,036,854,775,807
        0012345x"#]]
    .assert_eq(&shown.join("\n"));
    assert_eq!([0, 999, 1000, 6099, 1_000_000].map(figures::count), ["0", "999", "1,000", "6,099", "1,000,000"]);
}

#[test]
fn a_share_is_none_or_all_only_if_it_is() {
    let shares = [
        (0, 9),
        (1, 1_000_000),
        (8, 6099),
        (35, 6099),
        (1107, 6099),
        (6098, 6099),
        (999_999, 1_000_000),
        (9, 9),
        (0, 0),
    ];
    let shown = shares.map(|(part, whole)| figures::share(part, whole));
    expect!["0% <0.01% 0.13% 0.57% 18.2% >99.9% >99.9% 100% 0%"].assert_eq(&shown.join(" "));
}

#[test]
fn a_score_is_never_rounded_up() {
    let shown = [0.0, 0.29, 0.5, 0.949_99, 0.999_99, 1.0].map(figures::score);
    expect!["0.0000 0.2900 0.5000 0.9499 0.9999 1.0000"].assert_eq(&shown.join(" "));
}

#[test]
fn durations_and_sizes() {
    let durations = [0, 999, 1000, 3219, 59_940, 61_000, 3_725_000].map(figures::duration);
    expect!["0 ms, 999 ms, 1.00 s, 3.22 s, 59.9 s, 1 min 01 s, 62 min 05 s"].assert_eq(&durations.join(", "));
    let sizes = [0, 1023, 1024, 186_520, 5 << 20, 3 << 30].map(figures::bytes);
    expect!["0 bytes, 1023 bytes, 1 KiB, 182.1 KiB, 5 MiB, 3 GiB"].assert_eq(&sizes.join(", "));
}

#[test]
fn file_names() {
    let urls = [
        "file:///a/flights.csv",
        "file:///a/flights%20week.csv",
        "file:///a/100%.csv",
        "file:///a/%ff",
        "file:///%C3%A4/",
        "x",
    ];
    expect![[r#"
        flights.csv
        flights week.csv
        100%.csv
        %ff
        ä
        x"#]]
    .assert_eq(&urls.map(figures::file_name).join("\n"));
}

#[test]
fn text_is_clipped_by_characters() {
    assert_eq!(figures::clipped("größe", 5), "größe");
    assert_eq!(figures::clipped("größen", 5), "größ…");
}
