use super::{blocks::Scaled, forest::Share, tree::Tree};

pub fn shares(trees: &[Tree], columns: &[Scaled<'_>], row: usize, how: u8) -> Vec<Share> {
    let mut saved = vec![0.0; columns.len()];
    for tree in trees {
        let path = tree.path(|c| columns[c].at(row));
        let depth = path.len() as f64;
        for step in path {
            if columns[step.column].at(row).is_nan() { continue; }
            let bits = (f64::from(step.parent_size) / f64::from(step.child_size)).log2();
            saved[step.column] += match how { 0 => bits, 1 => (bits - 1.0).max(0.0), 2 => (1.0/depth - 1.0/8.0), 3=> (bits-1.0), _ => bits*(1.0/depth-1.0/8.0) };
        }
    }
    let total: f64 = saved.iter().sum();
    let mut s: Vec<Share> = saved.into_iter().enumerate().filter(|(_, s)| *s > 0.0).map(|(column, s)| Share { column, share: s / total }).collect();
    s.sort_by(|a, b| b.share.total_cmp(&a.share).then(a.column.cmp(&b.column)));
    s
}
