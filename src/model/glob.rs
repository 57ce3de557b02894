//! Patterns for names of nodes: `worker*`, `master?`, `worker[1-3]`, `[!m]*`.

use std::collections::BTreeSet;

/// Whether `name` matches `pattern` as a whole.
///
/// `*` stands for any text, `?` for one character, `[a-z]` for one of a set and `[!a-z]` for one not in
/// it; a `[` that is never closed stands for itself. Names are compared as written. Takes time
/// proportional to the product of the lengths at worst.
pub fn glob_match(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0, 0);
    // Where to go on when the text after the last `*` does not match: let the star take one more.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match one(&pattern[p..], name[n]) {
            Step::Star => {
                star = Some((p + 1, n));
                p += 1;
                continue;
            }
            Step::Yes(length) => {
                p += length;
                n += 1;
                continue;
            }
            Step::No => {}
        }
        let Some((after, taken)) = star else { return false };
        star = Some((after, taken + 1));
        (p, n) = (after, taken + 1);
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// The names that any of `patterns` matches, in the order of `names`, and the patterns that match none.
/// No pattern at all selects every name.
pub fn select<'a, 'p>(patterns: &'p [String], names: &'a [String]) -> (Vec<&'a str>, Vec<&'p str>) {
    // A list of ten thousand names is looked up, not compared with ten thousand others.
    let (globs, plain): (Vec<&String>, Vec<&String>) = patterns.iter().partition(|p| p.contains(['*', '?', '[']));
    let (plain, known): (BTreeSet<&String>, BTreeSet<&String>) = (plain.into_iter().collect(), names.iter().collect());
    let globbed = |name: &str| globs.iter().any(|pattern| glob_match(pattern, name));
    let matches = |name: &&String| patterns.is_empty() || plain.contains(name) || globbed(name);
    let selected = names.iter().filter(matches).map(String::as_str).collect();
    let in_vain = |pattern: &&String| {
        !known.contains(pattern) && (plain.contains(pattern) || !names.iter().any(|name| glob_match(pattern, name)))
    };
    (selected, patterns.iter().filter(in_vain).map(String::as_str).collect())
}

enum Step {
    Star,
    /// The character matches; the pattern goes on after so many of its own.
    Yes(usize),
    No,
}

fn one(pattern: &[char], c: char) -> Step {
    let yes = |matched, length| if matched { Step::Yes(length) } else { Step::No };
    match pattern {
        [] => Step::No,
        ['*', ..] => Step::Star,
        ['?', ..] => Step::Yes(1),
        ['[', rest @ ..] => {
            let negated = matches!(rest.first(), Some('!' | '^'));
            let set = &rest[usize::from(negated)..];
            // A `]` right after the opening belongs to the set.
            match set.iter().skip(1).position(|c| *c == ']') {
                Some(at) => yes(in_set(&set[..=at], c) != negated, at + 3 + usize::from(negated)),
                None => yes(c == '[', 1),
            }
        }
        [own, ..] => yes(*own == c, 1),
    }
}

fn in_set(set: &[char], c: char) -> bool {
    match set {
        [low, '-', high, rest @ ..] => (*low..=*high).contains(&c) || in_set(rest, c),
        [own, rest @ ..] => *own == c || in_set(rest, c),
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{glob_match, select};

    #[test]
    fn patterns() {
        for (pattern, yes, no) in [
            ("worker1", &["worker1"][..], &["worker", "worker11", "Worker1", ""][..]),
            ("worker*", &["worker", "worker1", "worker12"], &["aworker", "master1"]),
            ("*", &["", "a"], &[]),
            ("*er?", &["worker1", "master2", "erer1"], &["worker", "er"]),
            ("worker[1-3]", &["worker1", "worker3"], &["worker4", "worker", "worker11"]),
            ("w[!12]", &["w3", "wa"], &["w1", "w2", "w"]),
            ("w[]x]", &["w]", "wx"], &["w"]),
            ("w[a-]", &["wa", "w-"], &["wb"]),
            ("w[", &["w["], &["w", "wa"]),
            ("*a*b*c*", &["abc", "xaxbxcx"], &["acb", "ab"]),
            ("", &[""], &["a"]),
            ("мастер?", &["мастер1", "мастерё"], &["мастер"]),
        ] {
            for name in yes {
                assert!(glob_match(pattern, name), "{pattern} should match {name}");
            }
            for name in no {
                assert!(!glob_match(pattern, name), "{pattern} should not match {name}");
            }
        }
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        assert!(!glob_match(&"*a".repeat(200), &"a".repeat(199)));
        assert!(!glob_match(&format!("{}b", "*a".repeat(100)), &"a".repeat(1000)));
    }

    #[test]
    fn selecting() {
        let names = ["a1", "a2", "b1"].map(str::to_owned);
        let patterns = ["b*", "a1", "c*", "a1"].map(str::to_owned);
        assert_eq!(select(&patterns, &names), (vec!["a1", "b1"], vec!["c*"]));
        assert_eq!(select(&[], &names).0.len(), 3);
    }
}
