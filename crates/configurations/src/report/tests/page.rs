use expect_test::{Expect, expect};
use kernel::Json;

use crate::report::{RunReport, fixture, html};

fn page(report: &RunReport) -> String {
    html::render(report).unwrap()
}

/// Headings and their summaries, in the order of the page.
fn outline(report: &RunReport, expected: Expect) {
    let page = page(report);
    let headings =
        page.split("<h2").skip(1).map(|rest| text(rest.split_once('>').unwrap().1.split("</h2>").next().unwrap()));
    expected.assert_eq(&headings.collect::<Vec<_>>().join("\n"));
}

fn text(html: &str) -> String {
    let text = html.split('<').enumerate().map(|(index, part)| match part.split_once('>') {
        Some((_, text)) if index > 0 => text,
        _ => part,
    });
    text.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_page_has_the_sections_that_the_run_reached() {
    outline(
        &fixture::complete(),
        expect![[r#"
        Quality ! passed with warnings, score 0.9987 (minimum 0.5)
        Checks 1 of 3 checks passed
        Anomalies the 3 most unusual of 6,099 rows over 4 numeric columns
        Model gradient-boosted trees for arr_delay &#62; 15
        Registry ✓ flights-week v3, promoted
        Steps
        Events correlation 0190b0de-6f09-7d11-8a52-3e0c77d104b2
        Run
        Saved"#]],
    );
    outline(
        &fixture::gate_closed(),
        expect![[r#"
            Not completed
            Quality ✗ failed, score 0.9985 (minimum 0.5)
            Checks 1 of 3 checks passed
            Model skipped: the run did not come to it
            Registry skipped: the run did not come to it
            Steps
            Events correlation 0190b0de-6f09-7d11-8a52-3e0c77d104b2
            Run
            Saved"#]],
    );
    outline(
        &fixture::without_target(),
        expect![[r#"
        Quality ✓ passed, score 1.0000 (minimum 0.5)
        Checks 1 of 1 check passed
        Anomalies the 3 most unusual of 6,099 rows over 4 numeric columns
        Model skipped: no target was given
        Registry skipped: no model was trained
        Steps
        Events correlation 0190b0de-6f09-7d11-8a52-3e0c77d104b2
        Run
        Saved"#]],
    );
}

#[test]
fn every_numeric_column_has_a_box_plot_and_every_other_its_frequent_values() {
    let page = page(&fixture::complete());
    assert_eq!(page.matches(r#"<rect class="box""#).count(), 4);
    assert_eq!(page.matches(r#"<line class="whisker""#).count(), 3, "a constant has none");
    assert_eq!(page.matches(r#"<td class="plot values">"#).count(), 5, "not of all different values, nor of none");
    // -8 to 64.85: the quartiles -4 and 9, the median -1, the mean 9.2.
    for place in [r#"x="5.49" width="17.84""#, r#"x1="9.61""#, r#"class="mean" x1="23.61""#] {
        assert!(page.contains(place), "{place}");
    }
}

#[test]
fn elements_are_closed_in_the_order_in_which_they_were_opened() {
    for report in [fixture::complete(), fixture::gate_closed(), fixture::without_target(), fixture::with_columns(200)] {
        let page = page(&report);
        let mut open: Vec<&str> = Vec::new();
        for tag in page.split('<').skip(1).map(|rest| rest.split_once('>').unwrap().0) {
            match tag.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name), "in {open:?}"),
                None if tag.starts_with("!doctype") || tag.starts_with("meta") || tag.ends_with('/') => {}
                None => open.push(tag.split_whitespace().next().unwrap()),
            }
        }
        assert!(open.is_empty(), "{open:?}");
    }
}

#[test]
fn text_of_the_dataset_is_text_on_the_page() {
    const HOSTILE: &str = r#"<script>alert("x")</script><img src=x onerror='y'>{{ 7 }}"#;
    let mut report = fixture::complete();
    report.dataset.url = format!("file:///{}", HOSTILE.replace('/', "%2F"));
    let quality = report.quality.as_mut().unwrap();
    quality.columns[4].name = HOSTILE.into();
    quality.columns[4].top[0].value = HOSTILE.into();
    quality.checks[1].name = HOSTILE.into();
    quality.checks[1].finding = HOSTILE.into();
    report.anomalies[0].drivers[0].column = HOSTILE.into();
    report.model.training.as_mut().unwrap().target = HOSTILE.into();
    report.registry.reason = HOSTILE.into();
    report.events[0].event_type = HOSTILE.into();
    report.events[0].data = Json::of(HOSTILE).unwrap();
    report.saved.store = HOSTILE.into();
    let page = page(&report);
    assert!(page.matches("&#60;script&#62;").count() >= 10, "it is shown");
    for tag in ["<script", "<img", "'y'", "\"x\""] {
        assert!(!page.contains(tag), "{tag}");
    }
}

#[test]
fn the_page_needs_nothing_but_itself() {
    let page = page(&fixture::complete());
    for reference in ["http:", "https:", "src=", "href=", "url(", "@import", "<link", "<script"] {
        assert!(!page.contains(reference), "{reference}");
    }
    assert!(page.contains("default-src 'none'") && page.contains("prefers-color-scheme: dark"));
}
