#[derive(serde::Serialize, serde::Deserialize)]
struct LogIn {
    password: kernel::Secret<String>,
}

fn main() {}
