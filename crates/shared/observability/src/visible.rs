//! What of a text steers whoever shows it.

use std::{
    borrow::Cow,
    fmt::Write as _,
    io::{self, Write},
};

use tracing_subscriber::fmt::MakeWriter;

/// Whether a character breaks a line, turns the reading direction, or commands a terminal.
pub(crate) fn is_hidden(char: char) -> bool {
    char.is_control() || is_beyond_ascii(char)
}

/// Of those, the ones that JSON leaves as they are.
fn is_beyond_ascii(char: char) -> bool {
    matches!(char, '\u{7f}'..='\u{9f}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text with `\uXXXX`, as in JSON, in place of each character beyond ASCII that breaks a line, turns the reading direction or commands
/// a terminal. Line breaks and colours of ASCII stay: whoever makes the text has put them there.
pub fn without_commands(text: &str) -> Cow<'_, str> {
    if !text.contains(is_beyond_ascii) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len());
    for char in text.chars() {
        if is_beyond_ascii(char) {
            write!(shown, "\\u{:04x}", u32::from(char)).expect("a String takes every write");
        } else {
            shown.push(char);
        }
    }
    shown.into()
}

/// Writes lines of JSON [`without_commands`].
pub(crate) struct Plainly<W>(pub W);

impl<'w, W: MakeWriter<'w>> MakeWriter<'w> for Plainly<W> {
    type Writer = Plainly<W::Writer>;

    fn make_writer(&'w self) -> Self::Writer {
        Plainly(self.0.make_writer())
    }
}

impl<W: Write> Write for Plainly<W> {
    /// A whole line at a time.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match str::from_utf8(line) {
            Ok(text) => self.0.write_all(without_commands(text).as_bytes())?,
            Err(_) => self.0.write_all(line)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
