#!/usr/bin/env run
#![cfg_attr(all(test, feature = "x"), path = "lib.rs", allow(serde::a))]
#[cfg(any(test, not(unix)))] mod tests { #[tokio::test(flavor = tokio::F)] async fn t() {} }
#[cfg_attr(windows, path = "a\\b.rs")] #[cfg_attr(not(windows), path = "lib.rs")] pub mod p;
#[derive(Debug, serde::Serialize)] #[serde(with = "x::y", default = serde::d())]
struct A<#[a] T = { 1 }, const N: usize = { serde::N }>(#[cfg(test)] pub(crate) ::tokio::B<T>);
