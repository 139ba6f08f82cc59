//! Names that are in scope everywhere.

/// The crates that come with the compiler.
pub(super) const STANDARD_CRATES: [&str; 5] = ["std", "core", "alloc", "proc_macro", "test"];

/// Whether a name is a built-in type, `Self`, or in the standard prelude: as head of a path it leads nowhere else.
pub(super) fn is_prelude_type(name: &str) -> bool {
    matches!(
        name,
        "bool"
            | "char"
            | "str"
            | "f16"
            | "f32"
            | "f64"
            | "f128"
            | "i8"
            | "i16"
            | "i32"
            | "i64"
            | "i128"
            | "isize"
            | "u8"
            | "u16"
            | "u32"
            | "u64"
            | "u128"
            | "usize"
            | "Self"
            | "Box"
            | "Option"
            | "Result"
            | "String"
            | "Vec"
            | "Clone"
            | "Copy"
            | "Send"
            | "Sync"
            | "Sized"
            | "Unpin"
            | "Drop"
            | "Fn"
            | "FnMut"
            | "FnOnce"
            | "AsyncFn"
            | "AsyncFnMut"
            | "AsyncFnOnce"
            | "AsRef"
            | "AsMut"
            | "Into"
            | "From"
            | "TryFrom"
            | "TryInto"
            | "Default"
            | "ToOwned"
            | "ToString"
            | "Iterator"
            | "IntoIterator"
            | "Extend"
            | "DoubleEndedIterator"
            | "ExactSizeIterator"
            | "FromIterator"
            | "Eq"
            | "PartialEq"
            | "Ord"
            | "PartialOrd"
            | "Debug"
            | "Hash"
            | "Future"
            | "IntoFuture"
    )
}

/// Whose attributes every crate may write: `#[rustfmt::skip]`.
pub(super) fn is_tool(name: &str) -> bool {
    matches!(name, "rustfmt" | "clippy" | "diagnostic" | "miri" | "rust_analyzer")
}
