const NAMELESS: kernel::Permission = kernel::Permission::new("");

fn main() {
    let _ = NAMELESS;
}
