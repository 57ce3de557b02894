//! When Flatcar restarts into updates: machines that stand in for each other never do so together.

use super::{BakedFile, Overview};
use crate::diag::{Code, Diagnostic, Sink};
use std::collections::BTreeSet;

/// Where Flatcar reads its policy (flatcar.org, "Update strategies").
const CONF: &str = "/etc/flatcar/update.conf";
/// Minutes of a week and of a day.
const WEEK: u32 = 7 * DAY;
const DAY: u32 = 24 * 60;
/// Days as locksmith reads them, from Sunday.
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// When a machine may restart.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Window {
    /// Minutes of the week at which it opens: one, or one for each day. Empty means that it is always open.
    starts: Vec<u32>,
    /// How long it is open, in minutes.
    length: u32,
    /// In words.
    shown: String,
    /// Line that says so, from 0.
    line: usize,
}

/// Every rule of this topic.
pub(super) fn check(overview: &Overview<'_>, sink: &mut Sink) {
    let servers = overview.nodes.iter().filter(|baked| baked.units.contains_key("k3s.service"));
    let servers: BTreeSet<&str> = servers.map(|baked| baked.node.as_str()).collect();
    let mut groups = vec![("K3s servers, of which a majority must run", servers)];
    for vip in &overview.cluster.vips {
        groups.push(("balancers of one VIP", vip.candidates.iter().map(String::as_str).collect()));
    }
    let mut done = BTreeSet::new();
    for (what, members) in groups {
        let members = overview.nodes.iter().filter(|baked| members.contains(baked.node.as_str()));
        let windows: Vec<_> = members
            .filter_map(|baked| {
                let file = baked.files.get(CONF)?;
                Some((baked.node.as_str(), file, window(file)?))
            })
            .collect();
        for (at, (first, _, earlier)) in windows.iter().enumerate() {
            for (second, file, later) in &windows[at + 1..] {
                if !overlap(earlier, later) || !done.insert((*first, *second)) {
                    continue;
                }
                let message = format!(
                    "`{first}` ({}) and `{second}` ({}) may restart into an update together: they are {what}",
                    earlier.shown, later.shown
                );
                let found = Diagnostic::new(Code::UpdateWindow, message).at(overview.line(file, later.line));
                sink.push(found.hint("give each machine a day of its own: `reboot_window: \"Tue 04:00\"`"));
            }
        }
    }
}

/// The window of a policy; `None` if the machine never restarts by itself, or asks the others first.
fn window(file: &BakedFile) -> Option<Window> {
    let value = |key: &str| {
        let lines = file.text.lines().enumerate();
        let found =
            lines.filter_map(|(number, line)| Some((number, line.trim().strip_prefix(key)?.strip_prefix('=')?)));
        found.last().map(|(number, value)| (number, value.trim().trim_matches(['"', '\''])))
    };
    let strategy = value("REBOOT_STRATEGY");
    if strategy.is_some_and(|(_, strategy)| strategy != "reboot")
        || value("SERVER").is_some_and(|(_, url)| url == "disabled")
    {
        return None;
    }
    let Some((line, start)) = value("LOCKSMITHD_REBOOT_WINDOW_START").or_else(|| value("REBOOT_WINDOW_START")) else {
        let line = strategy.map_or(0, |(line, _)| line);
        return Some(Window { starts: Vec::new(), length: WEEK, shown: "at any time".to_owned(), line });
    };
    let length = value("LOCKSMITHD_REBOOT_WINDOW_LENGTH").or_else(|| value("REBOOT_WINDOW_LENGTH"));
    let length = length.and_then(|(_, length)| duration(length)).unwrap_or(0);
    Some(Window { starts: starts(start)?, length, shown: format!("{start}, {length} minutes"), line })
}

/// `Mon 04:00` or `04:00`, as minutes of the week.
fn starts(text: &str) -> Option<Vec<u32>> {
    let mut words = text.split_whitespace().rev();
    let (hours, minutes) = words.next()?.split_once(':')?;
    let minute = hours.parse::<u32>().ok()? * 60 + minutes.parse::<u32>().ok()?;
    let day = words.next().map(str::to_lowercase);
    let days = (0..7).zip(DAYS).filter(|(_, name)| day.as_ref().is_none_or(|day| day.starts_with(name)));
    Some(days.map(|(number, _)| number * DAY + minute).collect())
}

/// A duration of Go such as `1h30m`, in minutes, rounded up.
fn duration(text: &str) -> Option<u32> {
    let (mut seconds, mut digits) = (0_u32, String::new());
    for c in text.chars() {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        let unit = match c {
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        seconds = seconds.checked_add(digits.parse::<u32>().ok()?.checked_mul(unit)?)?;
        digits.clear();
    }
    digits.is_empty().then_some(seconds.div_ceil(60))
}

/// Whether both are open at some minute of the week, which begins again when it ends.
fn overlap(a: &Window, b: &Window) -> bool {
    if a.starts.is_empty() || b.starts.is_empty() {
        return true;
    }
    let meets = |from: u32, length: u32, other: u32| (other + WEEK - from) % WEEK < length.max(1);
    let pairs = a.starts.iter().flat_map(|one| b.starts.iter().map(move |other| (*one, *other)));
    pairs.into_iter().any(|(one, other)| meets(one, a.length, other) || meets(other, b.length, one))
}

#[cfg(test)]
mod tests {
    use super::{BakedFile, overlap, window};

    fn of(start: &str, length: &str) -> super::Window {
        let text = format!(
            "REBOOT_STRATEGY=reboot\nLOCKSMITHD_REBOOT_WINDOW_START=\"{start}\"\nLOCKSMITHD_REBOOT_WINDOW_LENGTH={length}\n"
        );
        window(&BakedFile { text: text.into(), ..BakedFile::default() }).unwrap()
    }

    #[test]
    fn windows_overlap_on_a_week_that_goes_round() {
        for (one, other, expected) in [
            (("Mon 04:00", "1h"), ("Tue 04:00", "1h"), false),
            (("Mon 04:00", "1h"), ("Mon 05:00", "1h"), false),
            (("Mon 04:00", "1h1m"), ("Mon 05:00", "1h"), true),
            (("Mon 04:00", "1h"), ("04:30", "10m"), true),
            (("Mon 04:00", "1h"), ("05:30", "10m"), false),
            (("Sat 23:30", "2h"), ("Sun 01:00", "1h"), true),
            (("Thursday 04:00", "90m"), ("Thu 05:29", "1h"), true),
        ] {
            let (a, b) = (of(one.0, one.1), of(other.0, other.1));
            assert_eq!(overlap(&a, &b), expected, "{one:?} {other:?}");
            assert_eq!(overlap(&b, &a), expected, "{other:?} {one:?}");
        }
        let quiet = |text: &str| window(&BakedFile { text: text.into(), ..BakedFile::default() }).is_none();
        assert!(
            quiet("REBOOT_STRATEGY=off\n")
                && quiet("REBOOT_STRATEGY=etcd-lock\n")
                && !quiet("REBOOT_STRATEGY=reboot\n")
        );
    }
}
