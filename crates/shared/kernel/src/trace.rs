use std::{fmt, num::NonZeroU64, str::FromStr};

use uuid::Uuid;

use crate::{CorrelationId, EventId};

/// Identity of one span within its trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId(NonZeroU64);

impl SpanId {
    /// `None` for 0, which is no identity.
    pub const fn new(id: u64) -> Option<Self> {
        match NonZeroU64::new(id) {
            Some(id) => Some(Self(id)),
            None => None,
        }
    }

    /// The span in which something with an identity of its own came to be, such as an event: the half of the identity that
    /// two of one trace do not share. Whoever knows the identity knows the span, also after a restart.
    pub fn of_origin(id: Uuid) -> Self {
        let (_, low) = id.as_u64_pair();
        Self(NonZeroU64::new(low).unwrap_or(NonZeroU64::MIN))
    }

    /// As a number, which is never 0.
    pub const fn get(self) -> u64 {
        self.0.get()
    }
}

impl From<EventId> for SpanId {
    fn from(event: EventId) -> Self {
        Self::of_origin(event.uuid())
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The place in a trace from which somebody asks: the header `traceparent` of W3C Trace Context.
///
/// The trace is the work: its id is the [`CorrelationId`], digit for digit. So every hop of the work is in one trace, those
/// that go through the log too, and no message has to carry a trace id beside its correlation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    /// The work.
    pub trace: CorrelationId,
    /// The span in which it was asked.
    pub span: SpanId,
    /// Whether the caller keeps its part of the trace.
    pub sampled: bool,
}

/// A text that is no `traceparent`. The standard has whoever gets such a one begin a new trace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no traceparent: expected 00-<32 hexadecimal digits>-<16>-<2>, in lower case, ids not all zero")]
pub struct TraceParentError(String);

/// Characters of version 00; a later version may have more behind them, after a dash.
const LENGTH: usize = 55;

impl FromStr for TraceParent {
    type Err = TraceParentError;

    /// As <https://www.w3.org/TR/trace-context/#versioning-of-traceparent> asks: of a version that is not known, what
    /// version 00 has is read.
    fn from_str(text: &str) -> Result<Self, TraceParentError> {
        read(text).ok_or_else(|| TraceParentError(text.chars().take(2 * LENGTH).collect()))
    }
}

fn read(text: &str) -> Option<TraceParent> {
    let (known, rest) = text.split_at_checked(LENGTH)?;
    let mut fields = known.split('-');
    let version = hex::<2>(fields.next()?)?;
    let trace = hex::<32>(fields.next()?)?;
    let span = hex::<16>(fields.next()?)?;
    let flags = hex::<2>(fields.next()?)?;
    let fits = match version {
        0x00 => rest.is_empty(),
        0xff => false,
        _ => rest.is_empty() || rest.starts_with('-'),
    };
    if fields.next().is_some() || !fits || trace == 0 {
        return None;
    }
    let span = SpanId::new(u64::try_from(span).expect("16 digits are 64 bits"))?;
    Some(TraceParent { trace: CorrelationId::new(Uuid::from_u128(trace)), span, sampled: flags & 1 == 1 })
}

/// Exactly `N` digits, in lower case as the standard wants them.
fn hex<const N: usize>(text: &str) -> Option<u128> {
    let fits = text.len() == N && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    fits.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trace, span, sampled } = self;
        write!(f, "00-{}-{span}-{:02x}", trace.uuid().simple(), u8::from(*sampled))
    }
}
