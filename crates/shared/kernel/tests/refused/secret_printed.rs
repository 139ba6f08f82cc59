fn main() {
    let secret = kernel::Secret::new("open sesame".to_owned());
    let _ = format!("{secret}");
}
