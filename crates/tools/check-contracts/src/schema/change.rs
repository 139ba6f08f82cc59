use std::fmt;

/// One difference between two schemas of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// JSON pointer into the data, `*` standing for every element of an array and every value of a map: `/checks/*/column`.
    pub pointer: String,
    /// What is different.
    pub what: What,
    /// What becomes of the values that fit.
    pub effect: Effect,
}

/// What a change does to the set of values that fit a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Values that did fit do not any more: breaks those who write them.
    Narrower,
    /// Values fit that did not: breaks those who read them.
    Wider,
    /// Both.
    Other,
}

/// Which end of a message this program is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Others wrote it, or an earlier version of this program did: a request, a stored event.
    Read,
    /// Others read it: a response, a published event.
    Written,
}

impl Side {
    /// Whether those at the other end, who know the schema as it was, go wrong.
    pub fn is_broken_by(self, effect: Effect) -> bool {
        match (self, effect) {
            (Self::Read, Effect::Narrower) | (Self::Written, Effect::Wider) | (_, Effect::Other) => true,
            (Self::Read, Effect::Wider) | (Self::Written, Effect::Narrower) => false,
        }
    }
}

/// What is different. Its name is that of the finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A field is gone. It breaks both ends whatever the schema lets through: who wrote it is not heard, who read it gets
    /// nothing.
    RemovedField,
    /// A field that nobody wrote before must be there.
    NewRequiredField,
    /// A field that could be absent must be there.
    RequiredField,
    /// A field that was always there may be absent.
    OptionalField,
    /// A field where no further ones were allowed, or only others.
    AddedField,
    /// Another type.
    Retyped {
        /// In words.
        from: String,
        /// In words.
        to: String,
    },
    /// One more type or variant.
    AddedVariant {
        /// What tells it from the others.
        variant: String,
    },
    /// One type or variant less.
    RemovedVariant {
        /// What tells it from the others.
        variant: String,
    },
    /// One more value of an enum.
    AddedValue {
        /// As JSON.
        value: String,
    },
    /// One value of an enum less.
    RemovedValue {
        /// As JSON.
        value: String,
    },
    /// Another bound, pattern or format.
    Constraint {
        /// The keyword of JSON Schema.
        keyword: String,
        /// As JSON.
        from: Option<String>,
        /// As JSON.
        to: Option<String>,
    },
    /// Another value is meant where the field is absent.
    Default {
        /// As JSON.
        from: String,
        /// As JSON.
        to: Option<String>,
    },
}

impl What {
    /// Its name in reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::RemovedField => "removed-field",
            Self::NewRequiredField => "new-required-field",
            Self::RequiredField => "required-field",
            Self::OptionalField => "optional-field",
            Self::AddedField => "added-field",
            Self::Retyped { .. } => "retyped",
            Self::AddedVariant { .. } => "added-variant",
            Self::RemovedVariant { .. } => "removed-variant",
            Self::AddedValue { .. } => "added-value",
            Self::RemovedValue { .. } => "removed-value",
            Self::Constraint { .. } => "constraint",
            Self::Default { .. } => "default",
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
        match self {
            Self::RemovedField => write!(f, "was removed"),
            Self::NewRequiredField => write!(f, "is new and required"),
            Self::RequiredField => write!(f, "was optional and is required"),
            Self::OptionalField => write!(f, "was always there and may be absent"),
            Self::AddedField => write!(f, "is new where no such field was allowed"),
            Self::Retyped { from, to } => write!(f, "was {from} and is {to}"),
            Self::AddedVariant { variant } => write!(f, "may now be {variant}"),
            Self::RemovedVariant { variant } => write!(f, "may no longer be {variant}"),
            Self::AddedValue { value } => write!(f, "has the new value {value}"),
            Self::RemovedValue { value } => write!(f, "has lost the value {value}"),
            Self::Constraint { keyword, from, to } => {
                write!(f, "`{keyword}` was {}, is {}", or_none(from), or_none(to))
            }
            Self::Default { from, to } => write!(f, "absent it meant {from}, now {}", or_none(to)),
        }
    }
}
