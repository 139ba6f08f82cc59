fn f<'é>(x: &'é str) -> char {
    r##"a"#b"##; br"c"; c"d"; b'\''; '\u{e9}'; 'a'; 1.0e-3_f64; 0..=9; r#type::r#fn; x.0.1;
    /* a /* b */ c */ // serde::no
    "\
     \"serde::no\"" ;
    a < ::serde::B && c > ::serde::D
}
