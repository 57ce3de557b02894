//! In which order to ask systemd for units.
//!
//! `systemctl start --no-block A B` queues A before it looks at B: if A is `After=B`, but B is not queued yet, A does not
//! wait. So B is asked for first.

use std::collections::BTreeMap;

/// `names` with each after those of them that it names in `After=`, otherwise as they were. Units that wait for each
/// other stay as they were; systemd will say so.
pub(super) fn sorted(names: Vec<String>, texts: &BTreeMap<String, String>) -> Vec<String> {
    let text = |name: &str| texts.get(name).map_or("", String::as_str);
    let waits = |late: &str, early: &str| {
        named(text(late), "After").any(|unit| unit == early) || named(text(early), "Before").any(|unit| unit == late)
    };
    let mut left = names;
    let mut sorted = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let free = |name: &String| !left.iter().any(|other| other != name && waits(name, other));
        let next = left.iter().position(free).unwrap_or(0);
        sorted.push(left.remove(next));
    }
    sorted
}

/// The units in all lines `key=...` of a unit file.
pub(super) fn named<'a>(text: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    let lines = text.lines().filter_map(|line| line.split_once('='));
    lines.filter(move |(own, _)| own.trim() == key).flat_map(|(_, units)| units.split_whitespace())
}

#[cfg(test)]
mod tests {
    use super::sorted;

    #[test]
    fn waits_for_what_comes_first() {
        let texts = [
            ("a.service", "[Unit]\nAfter=b.service network.target\n"),
            ("b.service", "[Unit]\nAfter = c.service\n"),
            ("c.service", ""),
            ("d.service", "[Unit]\nBefore=c.service\n"),
            ("x.service", "After=y.service"),
            ("y.service", "After=x.service"),
        ];
        let texts = texts.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        let order =
            |names: &[&str]| sorted(names.iter().map(|name| format!("{name}.service")).collect(), &texts).join(" ");
        assert_eq!(order(&["a", "b", "c", "d"]), "d.service c.service b.service a.service");
        assert_eq!(order(&["c", "a"]), "c.service a.service");
        assert_eq!(order(&["x", "y", "c"]), "c.service x.service y.service");
    }
}
