//! The fields of spans and lines, as text without colours.

use std::{
    cell::Cell,
    error::Error,
    fmt::{self, Debug, Write as _},
};

use tracing::field::{Field, Visit};
use tracing_subscriber::{
    field::{RecordFields, VisitOutput as _},
    fmt::{
        FormatFields,
        format::{DefaultFields, DefaultVisitor, Writer},
    },
};

/// Bytes that a thread keeps for the next text.
const KEPT: usize = 16 << 10;

thread_local! {
    static DRAFT: Cell<String> = const { Cell::new(String::new()) };
}

/// Writes what [`DefaultFields`] writes.
///
/// Every message has a span, also where no line is ever written in it, and the fields of a span are put into words at its begin: here in
/// a place that is there already, and given out at once.
pub(crate) struct PlainFields;

impl<'w> FormatFields<'w> for PlainFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> fmt::Result {
        if writer.has_ansi_escapes() {
            return DefaultFields::new().format_fields(writer, fields);
        }
        let mut draft = DRAFT.take();
        draft.clear();
        let mut drafting = Drafting { draft: &mut draft, result: Ok(()) };
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
    result: fmt::Result,
}

impl Drafting<'_> {
    fn by_default(&mut self, record: impl FnOnce(&mut DefaultVisitor<'_>)) {
        let is_empty = self.draft.is_empty();
        let mut visitor = DefaultVisitor::new(Writer::new(self.draft), is_empty);
        record(&mut visitor);
        self.result = self.result.and(visitor.finish());
    }

    fn begin(&mut self, field: &Field) {
        if !self.draft.is_empty() {
            self.draft.push(' ');
        }
        self.draft.push_str(field.name());
        self.draft.push('=');
    }
}

impl Visit for Drafting<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if has_a_form_of_its_own(field) || !is_plain(value) {
            return self.by_default(|visitor| visitor.record_str(field, value));
        }
        self.begin(field);
        self.draft.push('"');
        self.draft.push_str(value);
        self.draft.push('"');
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.by_default(|visitor| visitor.record_error(field, value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if has_a_form_of_its_own(field) {
            return self.by_default(|visitor| visitor.record_debug(field, value));
        }
        self.begin(field);
        self.result = self.result.and(write!(self.draft, "{value:?}"));
    }
}

/// The text of a line, what comes from the crate `log`, and names that are words of Rust.
fn has_a_form_of_its_own(field: &Field) -> bool {
    let name = field.name();
    name == "message" || name.starts_with("log.") || name.starts_with("r#")
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
    use tracing_subscriber::{Layer as _, fmt, layer::SubscriberExt as _};

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

    /// What a line with every sort of field, in two spans, comes to.
    fn line(fields: impl for<'w> FormatFields<'w> + Send + Sync + 'static, ansi: bool) -> String {
        let captured = Captured::default();
        let writer = captured.clone();
        let lines = fmt::layer().without_time().with_ansi(ansi).compact().fmt_fields(fields);
        let lines = lines.with_writer(move || writer.clone()).boxed();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
            let hostile = "two\nlines \"quoted\" \\ \u{1b}[31mred\u{7f} Zürich 'x'";
            let outer = info_span!(
                "outer",
                plain = "it is",
                hostile,
                r#type = "word",
                later = field::Empty,
                none = field::Empty
            );
            let _outer = outer.enter();
            outer.record("later", "x\ty");
            let _inner =
                info_span!("inner", n = -7, x = 1.5, is = true, big = u128::MAX, shown = %"a b", told = ?Some("c"))
                    .entered();
            let cause = io::Error::other(io::Error::other("the cause"));
            let cause: &(dyn Error + 'static) = &cause;
            error!(cause, log.file = "unsaid", empty = "", hostile, "it {}", hostile);
            error!(message = "as a text");
        });
        let bytes = captured.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn it_says_what_the_default_says() {
        for ansi in [false, true] {
            let said = line(PlainFields, ansi);
            assert_eq!(said, line(DefaultFields::new(), ansi));
            assert_eq!(said.lines().count(), 3, "the text of a line is as it was given: {said}");
        }
    }
}
