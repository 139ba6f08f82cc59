macro_rules! m {
    ($($x:ident $(= $y:expr)?),* $(,)?) => { $crate::a::b!($($x)*); $(serde::$x;)* ::tokio::spawn(@k ::own::X) };
}
cfg_if! { if #[cfg(unix)] { use serde::unix; mod sys; } else { mod sys {} } }
include!("lib.rs");
include!(concat!(env!("OUT_DIR"), "/x.rs"));
const T: () = quote! { #(#a::b),* #[derive(serde::D)] struct S<'a, T: 'a>(&'a T); };
