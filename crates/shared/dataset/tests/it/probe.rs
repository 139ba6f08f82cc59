#[tokio::test]
async fn probe() {
    let n: usize = std::env::var("N").unwrap().parse().unwrap();
    let d = crate::csv("late\ntrue\n").await;
    let how = std::env::var("HOW").unwrap();
    let e = match how.as_str() {
        "or" => vec!["late"; n].join(" or "),
        "not" => format!("{}late", "not ".repeat(n)),
        "paren" => format!("{}late{}", "(".repeat(n), ")".repeat(n)),
        "mix" => format!("{}late{}", "(late or ".repeat(n), ")".repeat(n)),
        _ => format!("{}1 > 2", "-".repeat(1).repeat(n)),
    };
    match d.predicate(&e) { Ok(p) => { d.evaluate(&p).unwrap(); eprintln!("ok"); } Err(e) => { let m = e.to_string(); eprintln!("{}", &m[m.len().saturating_sub(200)..]) } }
}
