use std::borrow::Cow;

/// Splits text into records and records into fields.
#[derive(Clone, Copy)]
pub(super) struct Records<'t> {
    text: &'t str,
    at: usize,
    line: u64,
    delimiter: u8,
}

/// Where a field's value stands in the text, its quotes left out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    start: usize,
    end: usize,
    /// Quotes within are doubled.
    escaped: bool,
}

/// Broken quoting, at the line where the quoted value begins; fields count from 0.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fault {
    UnclosedQuote { line: u64, field: usize },
    StrayQuote { line: u64, field: usize },
}

impl Field {
    pub(super) fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let raw = &text[self.start..self.end];
        if self.escaped { Cow::Owned(raw.replace("\"\"", "\"")) } else { Cow::Borrowed(raw) }
    }
}

impl<'t> Records<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self { text, at: 0, line: 1, delimiter: sniff(text) }
    }

    /// What the fields refer to.
    pub(super) fn text(&self) -> &'t str {
        self.text
    }

    pub(super) fn delimiter(&self) -> u8 {
        self.delimiter
    }

    /// The line that is read next, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.text.len()
    }

    /// Appends the fields of the next record and says on which line it begins; `None` at the end.
    pub(super) fn next(&mut self, fields: &mut Vec<Field>) -> Result<Option<u64>, Fault> {
        let bytes = self.text.as_bytes();
        while let Some(b'\n' | b'\r') = bytes.get(self.at) {
            self.end_line();
        }
        if self.is_at_end() {
            return Ok(None);
        }
        let (line, first) = (self.line, fields.len());
        loop {
            let field = match bytes.get(self.at) {
                Some(b'"') => self.quoted(fields.len() - first)?,
                _ => self.plain(),
            };
            fields.push(field);
            match bytes.get(self.at) {
                Some(byte) if *byte == self.delimiter => self.at += 1,
                Some(_) => {
                    self.end_line();
                    return Ok(Some(line));
                }
                None => return Ok(Some(line)),
            }
        }
    }

    fn plain(&mut self) -> Field {
        let start = self.at;
        let delimiter = self.delimiter;
        let rest = &self.text.as_bytes()[start..];
        let length = rest.iter().position(|byte| *byte == delimiter || *byte == b'\n' || *byte == b'\r');
        self.at += length.unwrap_or(rest.len());
        Field { start, end: self.at, escaped: false }
    }

    fn quoted(&mut self, field: usize) -> Result<Field, Fault> {
        let bytes = self.text.as_bytes();
        let line = self.line;
        self.at += 1;
        let start = self.at;
        let mut escaped = false;
        loop {
            match bytes.get(self.at) {
                None => return Err(Fault::UnclosedQuote { line, field }),
                Some(b'"') if bytes.get(self.at + 1) == Some(&b'"') => {
                    escaped = true;
                    self.at += 2;
                }
                Some(b'"') => break,
                Some(b'\n' | b'\r') => self.end_line(),
                Some(_) => self.at += 1,
            }
        }
        let end = self.at;
        self.at += 1;
        match bytes.get(self.at) {
            Some(byte) if *byte != self.delimiter && !matches!(byte, b'\n' | b'\r') => {
                Err(Fault::StrayQuote { line, field })
            }
            _ => Ok(Field { start, end, escaped }),
        }
    }

    /// Steps over LF, CRLF or CR.
    fn end_line(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += if rest.starts_with(b"\r\n") { 2 } else { 1 };
        self.line += 1;
    }
}

/// Whichever candidate the first line holds most of, outside quotes; the earlier one in a tie.
fn sniff(text: &str) -> u8 {
    const CANDIDATES: [u8; 4] = [b',', b';', b'\t', b'|'];
    let mut counts = [0_usize; CANDIDATES.len()];
    let mut quoted = false;
    for byte in text.trim_start_matches(['\n', '\r']).bytes() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if !quoted => break,
            _ if quoted => {}
            _ => {
                if let Some(candidate) = CANDIDATES.iter().position(|candidate| *candidate == byte) {
                    counts[candidate] += 1;
                }
            }
        }
    }
    let most = counts.iter().max().copied().unwrap_or(0);
    counts.iter().position(|count| *count == most).map_or(b',', |candidate| CANDIDATES[candidate])
}
