//! The words that say where an item begins or that a path can or cannot begin here.

/// A keyword, strict or contextual, that the extractor treats apart from a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    // heads of paths
    Crate,
    SelfModule,
    SelfType,
    Super,
    // items
    Const,
    Enum,
    Extern,
    Fn,
    Impl,
    Let,
    Mod,
    Pub,
    Static,
    Struct,
    Trait,
    Type,
    Unsafe,
    Use,
    // expressions whose block ends them
    For,
    If,
    Loop,
    Match,
    While,
    As,
    /// A strict keyword that never is part of a path.
    Other,
}

impl Word {
    pub fn of(text: &[u8]) -> Option<Self> {
        if !(2..=8).contains(&text.len()) {
            return None;
        }
        Some(match text {
            b"crate" => Self::Crate,
            b"self" => Self::SelfModule,
            b"Self" => Self::SelfType,
            b"super" => Self::Super,
            b"const" => Self::Const,
            b"enum" => Self::Enum,
            b"extern" => Self::Extern,
            b"fn" => Self::Fn,
            b"impl" => Self::Impl,
            b"let" => Self::Let,
            b"mod" => Self::Mod,
            b"pub" => Self::Pub,
            b"static" => Self::Static,
            b"struct" => Self::Struct,
            b"trait" => Self::Trait,
            b"type" => Self::Type,
            b"unsafe" => Self::Unsafe,
            b"use" => Self::Use,
            b"for" => Self::For,
            b"if" => Self::If,
            b"loop" => Self::Loop,
            b"match" => Self::Match,
            b"while" => Self::While,
            b"as" => Self::As,
            b"break" | b"continue" | b"else" | b"false" | b"in" | b"move" | b"mut" | b"ref" | b"return" | b"true"
            | b"where" => Self::Other,
            _ => return None,
        })
    }

    /// Whether a path can begin with the word.
    pub fn heads_path(self) -> bool {
        matches!(self, Self::Crate | Self::SelfModule | Self::SelfType | Self::Super)
    }
}
