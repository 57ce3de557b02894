//! Several labs at once: what each of them tries, and one result of all. Pure.
//!
//! Scenarios mostly wait, and labs do not see each other: so many take little more than one, and as many times less long.

use super::result::{Run, Scenario as Seen, Skipped, Verdict};
use super::scenario::{Plot, Scenario};

/// Deals the scenarios out that are `wanted` by name, so that all labs take about as long; each begins with a lab in which
/// everything works, whatever it is given. No lab is without work, and there is at least one.
pub fn deal(all: &[Scenario], wanted: &[String], labs: usize) -> Vec<Vec<String>> {
    let mut meant: Vec<&Scenario> =
        all.iter().filter(|one| one.plot != Plot::Start && wanted.contains(&one.name)).collect();
    meant.sort_by_key(|one| std::cmp::Reverse(one.length_ms()));
    let mut shares: Vec<(u64, Vec<&Scenario>)> = vec![(0, Vec::new()); labs.min(meant.len()).max(1)];
    for scenario in meant {
        if let Some((length, share)) = shares.iter_mut().min_by_key(|(length, _)| *length) {
            *length += scenario.length_ms();
            share.push(scenario);
        }
    }
    let names = |share: Vec<&Scenario>| {
        let meant = |one: &&Scenario| one.plot == Plot::Start || share.iter().any(|own| own.name == one.name);
        all.iter().filter(meant).map(|one| one.name.clone()).collect()
    };
    shares.into_iter().map(|(_, share)| names(share)).collect()
}

/// What several labs found, as one: the scenarios in the order of `all`; `None` if there is no lab.
pub fn together(all: &[Scenario], runs: Vec<Run>) -> Option<Run> {
    let start = all.iter().find(|one| one.plot == Plot::Start).map(|one| one.name.as_str());
    let mut runs = runs.into_iter().enumerate();
    let (_, mut whole) = runs.next()?;
    for (at, run) in runs {
        whole.up_ms = whole.up_ms.max(run.up_ms);
        whole.down_ms = whole.down_ms.max(run.down_ms);
        whole.took_ms = whole.took_ms.max(run.took_ms);
        let (starts, others): (Vec<Seen>, _) =
            run.scenarios.into_iter().partition(|one| Some(one.name.as_str()) == start);
        whole.scenarios.extend(others);
        // One that begins as the first did has nothing to add; one that does not spoils all that it tried.
        for one in starts.into_iter().filter(|one| one.verdict() != Verdict::Passed) {
            let (name, title) = (format!("{}-{}", one.name, at + 1), format!("{} ({})", one.title, at + 1));
            whole.scenarios.push(Seen { name, title, ..one });
        }
        for note in run.notes {
            if !whole.notes.contains(&note) {
                whole.notes.push(note);
            }
        }
    }
    // Where nothing is found it is one more beginning, and stands behind the first.
    let place = |one: &Seen| all.iter().position(|known| known.name == one.name).unwrap_or(0);
    whole.scenarios.sort_by_key(place);
    let left = all.iter().filter(|known| !whole.scenarios.iter().any(|one| one.name == known.name)).count();
    if left > 0 {
        whole.skipped.push(Skipped {
            what: format!("{left} of {} scenarios", all.len()),
            why: "they were not asked for".to_owned(),
            required: false,
        });
    }
    Some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::result::{Assertion, EventKind, Level, Topology, VERSION};
    use crate::lab::scenario::{Action, Step, Told};

    fn scenario(name: &str, ms: u32) -> Scenario {
        let look = Step { what: String::new(), kind: EventKind::Step, action: Action::Look, told: Told::Wait(ms) };
        let plot = if name == "start" { Plot::Start } else { Plot::Steps(vec![look]) };
        Scenario { name: name.to_owned(), title: name.to_owned(), plot, short: false }
    }

    fn all() -> Vec<Scenario> {
        [("start", 0), ("a", 1_000), ("b", 9_000), ("c", 5_000), ("d", 5_000)].map(|(n, ms)| scenario(n, ms)).to_vec()
    }

    fn run(names: &[&str], passed: bool) -> Run {
        let seen = |name: &&str| {
            let (what, seen, why) = (format!("{name} works"), String::new(), String::new());
            let assertion = Assertion { what, expected: String::new(), seen, passed: passed || *name != "start", why };
            Seen {
                name: (*name).to_owned(),
                title: (*name).to_owned(),
                length_ms: 0,
                interval_ms: 0,
                events: Vec::new(),
                vips: Vec::new(),
                probes: Vec::new(),
                assertions: vec![assertion],
                skipped: Vec::new(),
                notes: Vec::new(),
            }
        };
        let none = || (Vec::new(), Vec::new(), Vec::new());
        let (segments, nodes, clients) = none();
        Run {
            version: VERSION,
            cluster: String::new(),
            level: Level::Daemons,
            dist: String::new(),
            engines: Vec::new(),
            up_ms: 1,
            down_ms: 2,
            took_ms: 3,
            topology: Topology { segments, router: None, nodes, clients, vips: Vec::new() },
            scenarios: names.iter().map(seen).collect(),
            skipped: Vec::new(),
            notes: vec!["one".to_owned()],
        }
    }

    fn names(run: &Run) -> Vec<&str> {
        run.scenarios.iter().map(|one| one.name.as_str()).collect()
    }

    #[test]
    fn every_lab_has_as_much_to_do() {
        let wanted = ["start", "a", "b", "c", "d"].map(str::to_owned);
        assert_eq!(deal(&all(), &wanted, 1), [["start", "a", "b", "c", "d"]]);
        assert_eq!(deal(&all(), &wanted, 2), [vec!["start", "a", "b"], vec!["start", "c", "d"]]);
        assert_eq!(deal(&all(), &wanted, 9).len(), 4, "none without work");
        assert_eq!(deal(&all(), &wanted[..1], 9), [["start"]]);
        assert_eq!(deal(&all(), &wanted[2..3], 9), [["start", "b"]]);
    }

    #[test]
    fn what_all_found_is_one_result() {
        let whole = together(&all(), vec![run(&["start", "c", "d"], true), run(&["start", "a"], true)]).unwrap();
        assert_eq!(names(&whole), ["start", "a", "c", "d"]);
        assert_eq!(whole.verdict(), Verdict::Passed);
        assert_eq!((whole.skipped[0].what.as_str(), whole.notes.len()), ("1 of 5 scenarios", 1));
        assert_eq!(together(&all(), Vec::new()), None);
    }

    #[test]
    fn a_lab_that_begins_badly_spoils_the_result() {
        let runs = vec![run(&["start", "a", "b"], true), run(&["start", "c", "d"], false)];
        let whole = together(&all(), runs).unwrap();
        assert_eq!(names(&whole), ["start", "start-2", "a", "b", "c", "d"]);
        assert_eq!(whole.verdict(), Verdict::Failed);
        assert!(whole.skipped.is_empty());
    }
}
