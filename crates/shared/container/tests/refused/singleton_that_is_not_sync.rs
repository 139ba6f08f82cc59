struct Counter(std::cell::Cell<u32>);

fn main() {
    container::Builder::new().singleton(|| Counter(std::cell::Cell::new(0)));
}
