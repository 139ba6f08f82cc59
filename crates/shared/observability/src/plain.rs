//! The fields of spans and lines, as text.

use std::{
    cell::Cell,
    error::Error,
    fmt::{self, Debug, Write as _},
    iter,
};

use tracing::field::{Field, Visit};
use tracing_subscriber::{
    field::RecordFields,
    fmt::{FormatFields, format::Writer},
};

use crate::visible::is_hidden;

/// Bytes that a thread keeps for the next text.
const KEPT: usize = 16 << 10;

thread_local! {
    static DRAFT: Cell<String> = const { Cell::new(String::new()) };
}

/// Writes what [`DefaultFields`](tracing_subscriber::fmt::format::DefaultFields) writes, but no control character of a value: a line stays
/// one line, and a terminal does nothing that its reader did not ask for, whoever the text is from.
///
/// Every message has a span, also where no line is ever written in it, and the fields of a span are put into words at its begin: here in
/// a place that is there already, and given out at once.
pub(crate) struct PlainFields;

impl<'w> FormatFields<'w> for PlainFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut draft = DRAFT.take();
        draft.clear();
        let mut drafting = Drafting { draft: &mut draft, has_colours: writer.has_ansi_escapes(), result: Ok(()) };
        fields.record(&mut drafting);
        let written = drafting.result.and_then(|()| writer.write_str(&draft));
        if draft.capacity() <= KEPT {
            DRAFT.set(draft);
        }
        written
    }
}

struct Drafting<'d> {
    draft: &'d mut String,
    has_colours: bool,
    result: fmt::Result,
}

impl Drafting<'_> {
    /// Writes what precedes a value. False where the field is none of the line's.
    fn begin(&mut self, field: &Field) -> bool {
        let name = field.name();
        // From the crate `log`: they stand elsewhere in the line.
        if name.starts_with("log.") {
            return false;
        }
        if !self.draft.is_empty() {
            self.draft.push(' ');
        }
        if name != "message" {
            self.name(name.strip_prefix("r#").unwrap_or(name), "");
        }
        true
    }

    fn name(&mut self, name: &str, suffix: &str) {
        let parts: &[&str] = if self.has_colours {
            &["\u{1b}[3m", name, suffix, "\u{1b}[0m\u{1b}[2m=\u{1b}[0m"]
        } else {
            &[name, suffix, "="]
        };
        self.draft.extend(parts.iter().copied());
    }

    fn write(&mut self, value: fmt::Arguments<'_>) {
        let start = self.draft.len();
        self.result = self.result.and(self.draft.write_fmt(value));
        if self.draft[start..].contains(is_hidden) {
            let value = self.draft.split_off(start);
            for char in value.chars() {
                if is_hidden(char) {
                    self.draft.extend(char.escape_debug());
                } else {
                    self.draft.push(char);
                }
            }
        }
    }
}

impl Visit for Drafting<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if !self.begin(field) {
            return;
        }
        if field.name() == "message" {
            self.write(format_args!("{value}"));
        } else if is_plain(value) {
            self.draft.extend(["\"", value, "\""]);
        } else {
            self.write(format_args!("{value:?}"));
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        if !self.begin(field) {
            return;
        }
        self.write(format_args!("{value}"));
        let Some(source) = value.source() else { return };
        self.draft.push(' ');
        self.name(field.name(), ".sources");
        let causes = iter::successors(Some(source), |&cause| cause.source());
        for (number, cause) in causes.enumerate() {
            self.draft.push_str(if number == 0 { "[" } else { ", " });
            self.write(format_args!("{cause}"));
        }
        self.draft.push(']');
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if self.begin(field) {
            self.write(format_args!("{value:?}"));
        }
    }
}

/// Whether it stands between quotation marks as it is.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\')
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use tracing::{error, field, info_span};
    use tracing_subscriber::{
        Layer as _,
        fmt::{self, format::DefaultFields},
        layer::SubscriberExt as _,
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is written as the fields of lines and spans.
    fn written(
        fields: impl for<'w> FormatFields<'w> + Send + Sync + 'static,
        has_colours: bool,
        write: impl FnOnce(),
    ) -> String {
        let captured = Captured::default();
        let writer = captured.clone();
        let lines = fmt::layer().without_time().with_ansi(has_colours).compact().fmt_fields(fields);
        let lines = lines.with_writer(move || writer.clone()).boxed();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), write);
        let bytes = captured.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Failure(&'static str, #[source] Option<Box<Failure>>);

    #[test]
    fn it_says_what_the_default_says() {
        let every_sort = || {
            let quoted = "\"quoted\" \\ Zürich 'x'";
            let outer = info_span!(
                "outer",
                plain = "it is",
                quoted,
                r#type = "word",
                later = field::Empty,
                none = field::Empty
            );
            let _outer = outer.enter();
            outer.record("later", "x\ty\u{1b}");
            let _inner =
                info_span!("inner", n = -7, x = 1.5, is = true, big = u128::MAX, shown = %"a b", told = ?Some("c\n"))
                    .entered();
            let cause = Failure("it", Some(Failure("its cause", Some(Failure("the root", None).into())).into()));
            let cause: &(dyn Error + 'static) = &cause;
            error!(cause, log.file = "unsaid", empty = "", quoted, "it {}", quoted);
            error!(message = "as a text");
        };
        for has_colours in [false, true] {
            let said = written(PlainFields, has_colours, every_sort);
            let by_default = written(DefaultFields::new(), has_colours, every_sort);
            let twice_italic = "\u{1b}[0m\u{1b}[3m.sources";
            assert_eq!(said, by_default.replace(twice_italic, ".sources"));
            assert_eq!(said.lines().count(), 2, "{said}");
        }
    }

    #[test]
    fn no_value_ends_its_line_or_commands_a_terminal() {
        let hostile = "it\n2026-11-22 ERROR all is lost\r\u{1b}[2J\u{9b}31m\u{7}\u{2028}\u{202e}";
        let lines = || {
            let _span = info_span!("span", text = hostile, shown = %hostile, told = ?hostile).entered();
            let failure = Failure(hostile, Some(Failure(hostile, None).into()));
            error!(error = &failure as &(dyn Error + 'static), shown = %hostile, "{hostile}");
            error!(message = hostile);
        };
        let said = written(PlainFields, false, lines);
        assert_eq!(said.matches(char::is_control).collect::<Vec<_>>(), ["\n", "\n"], "the ends of the lines: {said}");
        assert_eq!(
            said.matches("it\\n2026-11-22 ERROR all is lost\\r\\u{1b}[2J\\u{9b}31m\\u{7}\\u{2028}\\u{202e}").count(),
            11,
            "{said}"
        );

        let coloured = written(PlainFields, true, lines);
        let without_colours = coloured.replace("\u{1b}[3m", "").replace("\u{1b}[2m", "").replace("\u{1b}[0m", "");
        assert!(
            !without_colours.contains(['\r', '\u{9b}', '\u{7}', '\u{2028}', '\u{202e}'])
                && !coloured.contains("\u{1b}[2J"),
            "{coloured:?}"
        );
        assert_eq!(coloured.lines().count(), 2, "{coloured:?}");
    }
}
