fn main() {
    let claims = kernel::Claims::new("root", []);
    let _ = kernel::Principal(claims);
    let _: kernel::Principal = serde_json::from_str("{}").expect("it is one");
}
