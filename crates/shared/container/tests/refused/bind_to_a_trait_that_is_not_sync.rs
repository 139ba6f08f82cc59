trait Store {}
struct Sqlite;
impl Store for Sqlite {}

fn main() {
    container::Builder::new().bind::<dyn Store, Sqlite>(|s| s);
}
