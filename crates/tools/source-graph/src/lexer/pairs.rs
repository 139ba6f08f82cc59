//! Which bracket closes which.

use super::{Bracket, Fault, FaultKind, Token};

/// The partner of a bracket that has none, and of every other token.
pub(crate) const UNPAIRED: u32 = u32::MAX;

/// The brackets that are open. One that does not fit closes the nearest of its sort, and those between stay open; where
/// there is none it is skipped. Counting the open ones of each sort keeps this linear.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    open: Vec<(Bracket, u32)>,
    counts: [usize; 3],
}

impl Pairs {
    /// Notes the bracket that opens at an index.
    pub fn open(&mut self, bracket: Bracket, index: usize) {
        self.counts[bracket as usize] += 1;
        self.open.push((bracket, index as u32));
    }

    /// Pairs the last token of the list, a bracket that closes.
    pub fn close(&mut self, bracket: Bracket, list: &mut [Token], faults: &mut Vec<Fault>) {
        let index = list.len() - 1;
        if self.counts[bracket as usize] == 0 {
            faults.push(fault(list[index]));
            return;
        }
        while let Some((opened, at)) = self.open.pop() {
            self.counts[opened as usize] -= 1;
            if opened == bracket {
                list[at as usize].partner = index as u32;
                list[index].partner = at;
                return;
            }
            faults.push(fault(list[at as usize]));
        }
    }

    /// The end of the text.
    pub fn end(self, list: &[Token], faults: &mut Vec<Fault>) {
        faults.extend(self.open.iter().map(|&(_, at)| fault(list[at as usize])));
    }
}

fn fault(token: Token) -> Fault {
    Fault { kind: FaultKind::Unbalanced, offset: token.start }
}
