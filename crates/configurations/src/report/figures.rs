//! Numbers, times and foreign text as people read them.

use std::fmt::Write;

use chrono::{DateTime, Utc};

/// Thousands in groups: `6,099`.
pub fn count(n: u64) -> String {
    grouped(&n.to_string())
}

/// A value of a column. Four significant digits, whole digits all kept; grouped from five digits on, so that years and times of
/// day stay as they are written.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 {
        return "0".into();
    }
    if !value.is_finite() {
        return value.to_string();
    }
    if !(1e-4..1e15).contains(&size) {
        return scientific(value);
    }
    #[expect(clippy::cast_possible_truncation, reason = "the exponent of a number between 1e-4 and 1e15")]
    let whole_digits = size.log10().floor() as i64 + 1;
    let decimals = usize::try_from(4 - whole_digits).unwrap_or(0);
    whole(trimmed(&format!("{value:.decimals$}")))
}

/// Four significant digits and an exponent: `1.235e9`.
pub fn scientific(value: f64) -> String {
    let text = format!("{value:.3e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    format!("{}e{exponent}", trimmed(mantissa))
}

/// An integer in digits, kept to the last of them, however long: `-1,234,567`. Other text is returned as it is.
pub fn whole(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    if digits.len() < 5 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return text.into();
    }
    format!("{sign}{}", grouped(digits))
}

fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn trimmed(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// `part` of `whole` in percent; neither none nor all unless it is exactly that.
pub fn share(part: u64, whole: u64) -> String {
    if part == 0 || whole == 0 {
        return "0%".into();
    }
    match percent(ratio(part, whole)).as_str() {
        "0%" | "0.0%" | "0.00%" => "<0.01%".into(),
        "100%" | "100.0%" if part < whole => ">99.9%".into(),
        text => text.into(),
    }
}

/// A share from 0 to 1 in percent, with about three digits.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent == 0.0 || percent == 100.0 {
        format!("{percent}%")
    } else if percent < 1.0 {
        format!("{percent:.2}%")
    } else {
        format!("{percent:.1}%")
    }
}

/// 0 if `whole` is 0.
pub fn ratio(part: u64, whole: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
    let (part, whole) = (part as f64, whole as f64);
    if whole == 0.0 { 0.0 } else { part / whole }
}

/// A score or an AUC, cut off behind the fourth digit: what is below a bound is not shown as having reached it.
pub fn score(value: f64) -> String {
    // A thousandth of the last digit, so that 0.29 is not cut to 0.2899 for want of binary digits.
    format!("{:.4}", ((value * 1e4 + 1e-3).floor() / 1e4))
}

pub fn duration(milliseconds: u64) -> String {
    let seconds = ratio(milliseconds, 1000);
    match milliseconds {
        0..1000 => format!("{milliseconds} ms"),
        1000..10_000 => format!("{seconds:.2} s"),
        10_000..60_000 => format!("{seconds:.1} s"),
        _ => format!("{} min {:02} s", milliseconds / 60_000, milliseconds / 1000 % 60),
    }
}

pub fn bytes(n: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|(size, _)| n >= *size) {
        Some((size, unit)) => format!("{} {unit}", number(ratio(n, size))),
        None => format!("{n} bytes"),
    }
}

/// `1 row`, `2 rows`.
pub fn plural(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(n), if n == 1 { "" } else { "s" })
}

pub fn size(list: &[impl Sized]) -> u64 {
    u64::try_from(list.len()).unwrap_or(u64::MAX)
}

/// A date and time of day in UTC, to the second.
pub fn moment(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A time of day in UTC, to the millisecond.
pub fn time_of_day(time: DateTime<Utc>) -> String {
    time.format("%H:%M:%S%.3f").to_string()
}

/// Text of others with everything made visible that would steer a terminal, break a line or turn the reading direction.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        let hidden =
            c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if hidden {
            write!(shown, "{}", c.escape_default()).expect("a String takes every write");
        } else {
            shown.push(c);
        }
    }
    shown
}

/// At most `length` characters, the last of them `…` if there were more.
pub fn clipped(text: &str, length: usize) -> String {
    if text.chars().count() <= length {
        return text.into();
    }
    let mut short: String = text.chars().take(length.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// The file name of a `file:` URL, as a person would type it.
pub fn file_name(url: &str) -> String {
    let name = url.rsplit('/').find(|part| !part.is_empty()).unwrap_or(url);
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let digits = tail.get(..2).and_then(|digits| str::from_utf8(digits).ok());
        let decoded = digits.filter(|_| first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(decoded.unwrap_or(first));
        rest = if decoded.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| name.into())
}
