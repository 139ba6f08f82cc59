struct Session;

fn main() {
    container::Builder::new().scoped(async || Session);
}
