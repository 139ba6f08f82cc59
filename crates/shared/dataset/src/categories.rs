use std::{borrow::Cow, collections::HashMap};

use arrow::array::{Array, AsArray};

use crate::value_text;

/// A column as numbered categories: what a model needs to encode it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Categories {
    /// The different values as text, in the order of their bytes.
    pub values: Vec<String>,
    /// Per row, an index into `values`; `None` for a null.
    pub codes: Vec<Option<u32>>,
}

impl Categories {
    /// # Panics
    /// If there are more than 2^32 different values.
    pub(crate) fn of<'a>(chunks: impl Iterator<Item = &'a dyn Array>) -> Self {
        let mut seen: HashMap<Cow<'a, str>, u32> = HashMap::new();
        let mut codes = Vec::new();
        for chunk in chunks {
            let texts = chunk.as_string_view_opt();
            codes.extend((0..chunk.len()).map(|row| {
                let value = match texts {
                    Some(texts) => texts.is_valid(row).then(|| Cow::Borrowed(texts.value(row))),
                    None => value_text(chunk, row).map(Cow::Owned),
                }?;
                let next = u32::try_from(seen.len()).expect("categories are numbered with 32 bits");
                Some(*seen.entry(value).or_insert(next))
            }));
        }

        let mut values: Vec<(Cow<'a, str>, u32)> = seen.into_iter().collect();
        values.sort_unstable();
        let mut place = vec![0; values.len()];
        for (code, (_, seen_as)) in (0..).zip(&values) {
            place[*seen_as as usize] = code;
        }
        Self {
            codes: codes.into_iter().map(|code| code.map(|seen_as| place[seen_as as usize])).collect(),
            values: values.into_iter().map(|(value, _)| value.into_owned()).collect(),
        }
    }
}
