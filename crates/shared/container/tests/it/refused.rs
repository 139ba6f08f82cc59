/// What must not compile, with what the compiler says to it.
#[test]
fn shapes_that_must_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/refused/*.rs");
}
