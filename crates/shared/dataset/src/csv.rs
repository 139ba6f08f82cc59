//! CSV as RFC 4180 has it, and as people write it.
//!
//! * UTF-8, with or without a byte order mark. Lines end in LF, CRLF or CR; blank lines are skipped.
//! * The delimiter is whichever of `,` `;` tab `|` the header line holds most of, outside quotes; a comma in a tie.
//! * The first line names the columns: every one, each differently, blanks around names aside.
//! * Values may be quoted, and then hold delimiters, line ends and doubled quotes. Quoting says nothing about the type.
//! * Every record has as many fields as the header.
//!
//! One pass over the text reads everything in the type that the values so far have. A column that turns out to hold text after
//! all is read again, all such columns in one second pass.

mod records;
mod values;

use std::path::Path;

use crate::{Column, DatasetError, reader::Table};
use records::{Fault, Field, Records};
use values::Values;

/// Rows that are split into fields before their columns are read: few enough for the fields to stay in the cache.
const CHUNK: usize = 1024;

/// Refuses what is no CSV with at least one row, as far as the first bytes of the file show it.
pub(crate) fn check_head(path: &Path, head: &[u8], is_whole_file: bool) -> Result<(), DatasetError> {
    let is_control = |byte: &u8| *byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r');
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        // No length: the block ended within a character.
        Err(error) if error.error_len().is_none() && !is_whole_file => text_before(head, error.valid_up_to()),
        Err(_) if head.iter().any(is_control) => return Err(DatasetError::Binary { path: path.into() }),
        Err(error) => text_before(head, error.valid_up_to()),
    };
    if head.contains(&0) {
        return Err(DatasetError::Binary { path: path.into() });
    }
    if !is_whole_file || valid.len() < head.len() {
        return Ok(());
    }
    let mut records = Records::new(valid);
    let mut fields = Vec::new();
    // Broken quoting is for the reader to report: it knows the column.
    match records.next(&mut fields) {
        Ok(None) => Err(DatasetError::Empty { path: path.into() }),
        Ok(Some(_)) if matches!(records.next(&mut fields), Ok(None)) => Err(DatasetError::NoRows { path: path.into() }),
        Ok(Some(_)) | Err(_) => Ok(()),
    }
}

/// Reads a whole file.
pub(crate) fn read(path: &Path, bytes: &[u8]) -> Result<Table, DatasetError> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return Err(not_utf8(path, text_before(bytes, error.valid_up_to()))),
    };
    let file = File::open(path, text)?;

    let mut values: Vec<Values> = file.names.iter().map(|_| Values::default()).collect();
    let rows = file.read(&mut values.iter_mut().enumerate().collect::<Vec<_>>())?;
    if rows == 0 {
        return Err(DatasetError::NoRows { path: path.into() });
    }
    let mut again: Vec<_> =
        values.iter_mut().enumerate().filter_map(|(at, values)| Some((at, values.restart_as_text()?))).collect();
    if !again.is_empty() {
        file.read(&mut again)?;
    }

    let mut table = Table { columns: Vec::with_capacity(values.len()), arrays: Vec::with_capacity(values.len()), rows };
    for (name, values) in file.names.into_iter().zip(values) {
        let (column_type, mixed, array) = values.finish();
        table.columns.push(Column { name, column_type, mixed });
        table.arrays.push(array);
    }
    Ok(table)
}

/// A file whose header has been read.
struct File<'t> {
    path: &'t Path,
    names: Vec<String>,
    /// Just behind the header.
    records: Records<'t>,
}

impl<'t> File<'t> {
    fn open(path: &'t Path, text: &'t str) -> Result<Self, DatasetError> {
        let mut records = Records::new(text);
        let mut fields = Vec::new();
        if records.next(&mut fields).map_err(|fault| fault_in(path, &[], fault))?.is_none() {
            return Err(DatasetError::Empty { path: path.into() });
        }
        let names: Vec<String> = fields.iter().map(|field| field.text(records.text()).trim().to_owned()).collect();
        crate::reader::check_names(path, &names)?;
        Ok(Self { path, names, records })
    }

    /// Reads the given columns, by their positions, and says how many rows there are.
    fn read(&self, columns: &mut [(usize, &mut Values)]) -> Result<usize, DatasetError> {
        let mut records = self.records;
        let width = self.names.len();
        let mut fields: Vec<Field> = Vec::with_capacity(CHUNK * width);
        let mut rows = 0;
        loop {
            fields.clear();
            let mut chunk = 0;
            while chunk < CHUNK {
                let next = records.next(&mut fields).map_err(|fault| fault_in(self.path, &self.names, fault))?;
                let Some(line) = next else { break };
                chunk += 1;
                if fields.len() != chunk * width {
                    return Err(DatasetError::Ragged {
                        path: self.path.into(),
                        line,
                        expected: width,
                        found: fields.len() - (chunk - 1) * width,
                        delimiter: records.delimiter().into(),
                    });
                }
            }
            if chunk == 0 {
                return Ok(rows);
            }
            for (position, values) in columns.iter_mut() {
                values.read(records.text(), fields[*position..].iter().step_by(width), rows as u64);
            }
            rows += chunk;
        }
    }
}

fn fault_in(path: &Path, names: &[String], fault: Fault) -> DatasetError {
    let path = path.into();
    match fault {
        Fault::UnclosedQuote { line, field } => {
            DatasetError::UnclosedQuote { path, line, column: names.get(field).cloned() }
        }
        Fault::StrayQuote { line, field } => DatasetError::StrayQuote { path, line, column: names.get(field).cloned() },
    }
}

/// Where the text that is valid ends, there is the first byte that is not.
fn not_utf8(path: &Path, valid: &str) -> DatasetError {
    let mut records = Records::new(valid);
    let mut names = None;
    let mut fields = Vec::new();
    let reached = loop {
        fields.clear();
        match records.next(&mut fields) {
            Ok(Some(_)) if records.is_at_end() && !valid.ends_with(['\n', '\r']) => break fields.len() - 1,
            Ok(Some(_)) => names = names.or_else(|| Some(fields.clone())),
            Ok(None) => break 0,
            Err(Fault::UnclosedQuote { field, .. } | Fault::StrayQuote { field, .. }) => break field,
        }
    };
    let column =
        names.as_ref().and_then(|names| names.get(reached)).map(|name| name.text(records.text()).trim().to_owned());
    DatasetError::Encoding { path: path.into(), line: records.line(), column }
}

fn text_before(bytes: &[u8], valid_up_to: usize) -> &str {
    std::str::from_utf8(&bytes[..valid_up_to]).expect("the bytes before the first invalid one are valid")
}
