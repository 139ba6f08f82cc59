trait Store: Send + Sync {}
struct Sqlite;

fn main() {
    container::Builder::new().bind::<dyn Store, Sqlite>(|s| s);
}
