struct Session;

fn main() {
    container::Builder::new().scoped_async(|| Session);
}
