//! One page that needs nothing else: no script, style or font from elsewhere.

use super::Picture;

const PAGE: &str = include_str!("page.html");

pub(super) fn page(picture: &Picture) -> String {
    let data = serde_json::to_string(picture).expect("every key is a string and no value's serialisation can fail");
    // No text in the data may end the script element.
    PAGE.replace("/*GRAPH*/null", &data.replace('<', "\\u003c"))
}
