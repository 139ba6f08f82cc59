/// What to do about a name that nobody has: the one that was probably meant, or all that there are.
pub(crate) fn way_out<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let likeness = |known: &&&str| strsim::normalized_damerau_levenshtein(known, name);
    match known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b))) {
        Some(closest) if likeness(&closest) >= 0.6 => format!("did you mean `{closest}`?"),
        Some(_) => format!("there are {}", known.join(", ")),
        None => "there is none".into(),
    }
}
