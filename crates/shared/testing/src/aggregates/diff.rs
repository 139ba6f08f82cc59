/// The lines of both texts in one: what only the first has after `-`, what only the second has after `+`.
pub(super) fn lines(first: &str, second: &str) -> String {
    let (first, second): (Vec<&str>, Vec<&str>) = (first.lines().collect(), second.lines().collect());
    // `common[i][j]`: lines that both have, from these on; the longest common subsequence.
    let mut common = vec![vec![0_usize; second.len() + 1]; first.len() + 1];
    for i in (0..first.len()).rev() {
        for j in (0..second.len()).rev() {
            common[i][j] = match first[i] == second[j] {
                true => common[i + 1][j + 1] + 1,
                false => common[i + 1][j].max(common[i][j + 1]),
            };
        }
    }
    let (mut i, mut j, mut both) = (0, 0, Vec::new());
    while i < first.len() || j < second.len() {
        if i < first.len() && j < second.len() && first[i] == second[j] {
            both.push(format!("  {}", first[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == second.len() || i < first.len() && common[i + 1][j] >= common[i][j + 1] {
            both.push(format!("- {}", first[i]));
            i += 1;
        } else {
            both.push(format!("+ {}", second[j]));
            j += 1;
        }
    }
    both.join("\n")
}
