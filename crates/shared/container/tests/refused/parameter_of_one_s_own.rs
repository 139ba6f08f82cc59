//! Only the container says what can be asked for.
struct Mine;

impl container::Inject for Mine {}

fn main() {
    container::Builder::new().singleton(|_: Mine| 5_u8);
}
