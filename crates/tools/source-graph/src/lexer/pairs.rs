//! Which bracket closes which.

use super::{Bracket, Fault, FaultKind, Kind, Tokens};

/// The partner of a bracket that has none, and of every other token.
pub(crate) const UNPAIRED: u32 = u32::MAX;

/// Pairs the brackets. One that does not fit closes the nearest of its sort, and those between stay open; where there
/// is none it is skipped. Counting the open ones of each sort keeps this linear.
pub(super) fn pair(tokens: &mut Tokens) {
    let mut open: Vec<(Bracket, usize)> = Vec::new();
    let mut counts = [0_usize; 3];
    for index in 0..tokens.list.len() {
        match tokens.list[index].kind {
            Kind::Open(bracket) => {
                counts[bracket as usize] += 1;
                open.push((bracket, index));
            }
            Kind::Close(bracket) => {
                if counts[bracket as usize] == 0 {
                    fault(tokens, index);
                    continue;
                }
                while let Some((opened, at)) = open.pop() {
                    counts[opened as usize] -= 1;
                    if opened == bracket {
                        tokens.list[at].partner = index as u32;
                        tokens.list[index].partner = at as u32;
                        break;
                    }
                    fault(tokens, at);
                }
            }
            _ => {}
        }
    }
    for (_, at) in open {
        fault(tokens, at);
    }
    tokens.faults.sort_unstable();
}

fn fault(tokens: &mut Tokens, index: usize) {
    let offset = tokens.list[index].start;
    tokens.faults.push(Fault { kind: FaultKind::Unbalanced, offset });
}
