struct Session;

async fn session() -> Session {
    Session
}

fn main() {
    container::Builder::new().scoped(session);
}
