struct Job;

fn main() {
    container::Builder::new().transient(|| Err::<Job, _>(std::fmt::Error));
}
