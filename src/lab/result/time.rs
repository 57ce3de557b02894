//! Numbers from samples.

use super::{Held, Tries};

/// How long the nodes that `matches` accepts held a VIP between two moments. `during(&held, a, b, <[_]>::is_empty)` is
/// how long nobody did.
pub fn during(held: &[Held], since_ms: u32, until_ms: u32, matches: impl Fn(&[String]) -> bool) -> u32 {
    let pieces = spans(held.iter().map(|one| (one.for_ms, one))).filter(|(_, _, one)| matches(&one.owners));
    let within = pieces.map(|(from, to, _)| overlap((from, to), (since_ms, until_ms)));
    within.fold(0, u32::saturating_add)
}

/// Who held it at `until_ms`, and how long after `since_ms` that began: `None` when it was so already.
pub fn moved(held: &[Held], since_ms: u32, until_ms: u32) -> (Vec<String>, Option<u32>) {
    let before = spans(held.iter().map(|one| (one.for_ms, one))).take_while(|(from, ..)| *from < until_ms);
    before.last().map_or((Vec::new(), None), |(from, _, one)| {
        (one.owners.clone(), from.checked_sub(since_ms).filter(|after| *after > 0))
    })
}

/// Connections begun and lost between two moments; a time that is only partly within counts in proportion.
pub fn lost(tries: &[Tries], since_ms: u32, until_ms: u32) -> (u32, u32) {
    let pieces = spans(tries.iter().map(|one| (one.for_ms, one)));
    pieces.fold((0, 0), |(sent, lost), (from, to, one)| {
        let part = |count: u32| {
            let within = u64::from(overlap((from, to), (since_ms, until_ms)));
            let length = u64::from(one.for_ms.max(1));
            u32::try_from((u64::from(count) * within + length / 2) / length).unwrap_or(u32::MAX)
        };
        (sent.saturating_add(part(one.sent)), lost.saturating_add(part(one.lost)))
    })
}

/// Pieces that follow each other, with their beginnings and ends.
fn spans<T>(pieces: impl Iterator<Item = (u32, T)>) -> impl Iterator<Item = (u32, u32, T)> {
    pieces.scan(0_u32, |at, (length, piece)| {
        let from = *at;
        *at = at.saturating_add(length);
        Some((from, *at, piece))
    })
}

fn overlap(a: (u32, u32), b: (u32, u32)) -> u32 {
    a.1.min(b.1).saturating_sub(a.0.max(b.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(runs: &[(u32, &[&str])]) -> Vec<Held> {
        let run = |(for_ms, owners): &(u32, &[&str])| Held {
            for_ms: *for_ms,
            owners: owners.iter().map(|&owner| owner.to_owned()).collect(),
        };
        runs.iter().map(run).collect()
    }

    #[test]
    fn a_move_with_a_gap() {
        let held = held(&[(2000, &["a"]), (3600, &[]), (4400, &["b"])]);
        assert_eq!(during(&held, 1500, 10_000, <[_]>::is_empty), 3600);
        assert_eq!(during(&held, 3000, 4000, <[_]>::is_empty), 1000);
        assert_eq!(moved(&held, 1900, 10_000), (vec!["b".to_owned()], Some(3700)));
        assert_eq!(moved(&held, 0, 2000), (vec!["a".to_owned()], None));
        assert_eq!(moved(&held, 0, 2001), (Vec::new(), Some(2000)));
    }

    #[test]
    fn two_at_once() {
        let held = held(&[(1000, &["a"]), (500, &["a", "b"]), (1000, &["b"])]);
        assert_eq!(during(&held, 0, 2500, |owners| owners.len() > 1), 500);
        assert_eq!(moved(&held, 1000, 2500).1, Some(500));
    }

    #[test]
    fn connections() {
        let tries = [Tries { for_ms: 1000, sent: 100, lost: 0 }, Tries { for_ms: 2000, sent: 200, lost: 200 }];
        assert_eq!(lost(&tries, 0, 3000), (300, 200));
        assert_eq!(lost(&tries, 500, 1500), (100, 50));
        assert_eq!(lost(&[], 0, 1), (0, 0));
    }
}
