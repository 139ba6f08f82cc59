use std::{collections::BTreeSet, fmt, sync::Arc};

use kernel::{Context, Error, ErrorKind, Request};
use serde_json::Value;

/// The law or standard that a [`Requirement`] follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Regulation(&'static str);

impl Regulation {
    /// Regulation (EU) 2016/679.
    pub const GDPR: Self = Self("GDPR");
    /// Health Insurance Portability and Accountability Act, 45 CFR parts 160 and 164.
    pub const HIPAA: Self = Self("HIPAA");

    /// # Panics
    /// If the name is empty, begins or ends with a blank, or has other than printable ASCII characters: at compile time when
    /// used for a `const`.
    pub const fn new(name: &'static str) -> Self {
        assert!(
            is_printable(name.as_bytes()),
            "a regulation needs a name, of printable ASCII without blanks around it"
        );
        Self(name)
    }

    /// As errors show it: `GDPR`.
    pub const fn name(self) -> &'static str {
        self.0
    }
}

const fn is_printable(name: &[u8]) -> bool {
    let mut index = 0;
    while index < name.len() {
        let is_blank = name[index] == b' ' && index > 0 && index + 1 < name.len();
        if !(name[index].is_ascii_graphic() || is_blank) {
            return false;
        }
        index += 1;
    }
    index > 0
}

impl fmt::Display for Regulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// What a [`Requirement`] says to one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: the call goes on.
    Allow,
    /// Not at all, and why.
    Forbid(String),
    /// Only for one of these purposes: see [`Context::for_purpose`].
    Purpose(&'static [&'static str]),
    /// The answer without what these JSON pointers lead to; `*` is every element of an array. It becomes `null`, so the
    /// fields must be optional.
    Redact(&'static [&'static str]),
}

/// What a regulation asks of one operation.
pub struct Requirement<R> {
    pub(crate) regulation: Regulation,
    check: Check<R>,
}

type Check<R> = Arc<dyn Fn(&Context, &R) -> Verdict + Send + Sync>;

impl<R> Clone for Requirement<R> {
    fn clone(&self) -> Self {
        Self { regulation: self.regulation, check: Arc::clone(&self.check) }
    }
}

impl<R: Request> Requirement<R> {
    /// The check is asked for every call. No I/O: it decides from who asks, for what, and the request.
    pub fn new(regulation: Regulation, check: impl Fn(&Context, &R) -> Verdict + Send + Sync + 'static) -> Self {
        Self { regulation, check: Arc::new(check) }
    }
}

/// The pointers to leave out of the answer.
///
/// # Errors
/// `compliance.forbidden` and `compliance.purpose`, of the kind [`ErrorKind::Denied`], with all that the regulations say.
pub(crate) fn check<R: Request>(
    requirements: &[Requirement<R>],
    cx: &Context,
    request: &R,
) -> Result<BTreeSet<&'static str>, Error> {
    let (mut redacted, mut refused) = (BTreeSet::new(), Vec::new());
    let mut code = "compliance.purpose";
    for requirement in requirements {
        let Requirement { regulation, check } = requirement;
        match check(cx, request) {
            Verdict::Allow => {}
            Verdict::Forbid(why) => {
                code = "compliance.forbidden";
                refused.push(format!("{regulation} forbids it: {why}"));
            }
            Verdict::Purpose(purposes) if cx.purpose().is_some_and(|purpose| purposes.contains(&purpose)) => {}
            Verdict::Purpose(purposes) => {
                let given = cx.purpose().map_or("none was given".to_owned(), |purpose| format!("`{purpose}` is none"));
                refused.push(format!("{regulation} wants a purpose, one of {}: {given}", purposes.join(", ")));
            }
            Verdict::Redact(pointers) => redacted.extend(pointers),
        }
    }
    match refused.as_slice() {
        [] => Ok(redacted),
        refused => {
            let message = format!("`{}` is not permitted: {}", R::NAME, refused.join("; "));
            Err(Error::new(ErrorKind::Denied, message).with_code(code))
        }
    }
}

/// The answer without what these pointers lead to.
///
/// # Errors
/// What is left is no answer of this type: a fault of whoever registered the requirement.
pub(crate) fn redact<R: Request>(
    response: R::Response,
    pointers: &BTreeSet<&'static str>,
) -> Result<R::Response, Error> {
    if pointers.is_empty() {
        return Ok(response);
    }
    let fault = |error: serde_json::Error| {
        let message = format!("the answer of `{}` cannot be redacted: make the redacted fields optional", R::NAME);
        Error::internal(message).with_code("compliance.redaction").with_detail(error.to_string())
    };
    let mut value = serde_json::to_value(response).map_err(fault)?;
    for pointer in pointers {
        let segments: Vec<String> = pointer.split('/').skip(1).map(unescaped).collect();
        remove(&mut value, &segments);
    }
    serde_json::from_value(value).map_err(fault)
}

/// RFC 6901.
fn unescaped(segment: &str) -> String {
    segment.replace("~1", "/").replace("~0", "~")
}

fn remove(value: &mut Value, segments: &[String]) {
    let Some((first, rest)) = segments.split_first() else {
        *value = Value::Null;
        return;
    };
    match value {
        Value::Array(elements) if first == "*" => elements.iter_mut().for_each(|element| remove(element, rest)),
        Value::Array(elements) => {
            if let Some(element) = first.parse().ok().and_then(|index: usize| elements.get_mut(index)) {
                remove(element, rest);
            }
        }
        Value::Object(fields) => {
            if let Some(field) = fields.get_mut(first) {
                remove(field, rest);
            }
        }
        _ => {}
    }
}
