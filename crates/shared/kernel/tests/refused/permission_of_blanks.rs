const BLANK: kernel::Permission = kernel::Permission::new(" : ");

fn main() {
    let _ = BLANK;
}
