const VERBLESS: kernel::Permission = kernel::Permission::new("orders:");

fn main() {
    let _ = VERBLESS;
}
