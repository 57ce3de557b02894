//! A short run of the fuzz targets with every `make test`: the same bodies on the same mutations every time.

#[path = "../fuzz/targets/body.rs"]
mod body;

use crate::support::repository;
use std::fs;
use std::time::{Duration, Instant};

/// Where the run ends on a slow machine; `INPUTS` fit into much less.
const BUDGET: Duration = Duration::from_secs(8);
const INPUTS: usize = 3_000;
/// What breaks parsers: structure, ends of structures, and bytes that are no text.
const PIECES: [&[u8]; 24] = [
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xc3",
    b"\t",
    b"\r",
    b"\n",
    b"- ",
    b": ",
    b"? ",
    b"{",
    b"}",
    b"[",
    b"]",
    b"&a ",
    b"*a",
    b"<<: *a",
    b"!!binary ",
    b"|\n",
    b"\"\\u",
    b"'",
    b"---\n",
    b"~",
    b"99999999999999999999",
];

/// Xorshift: the same sequence everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end.max(1) as u64).unwrap()
    }

    /// A range of at most `most` places in `0..length`.
    fn range(&mut self, length: usize, most: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        start..(start + self.below(most + 1)).min(length)
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let folders = fs::read_dir(repository().join("tests/cases/butane")).unwrap();
    let mut paths: Vec<_> = folders.map(|entry| entry.unwrap().path().join("input.bu")).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Changes bytes in place: one flipped, a range cut out, a piece put in, or the end cut off.
fn bytes(text: &mut Vec<u8>, dice: &mut Dice) {
    let range = dice.range(text.len(), 12);
    match dice.below(4) {
        0 if !text.is_empty() => {
            let at = dice.below(text.len());
            text[at] ^= 1 << dice.below(8);
        }
        1 => drop(text.drain(range)),
        2 => text.truncate(range.start),
        _ => drop(text.splice(range, PIECES[dice.below(PIECES.len())].iter().copied())),
    }
}

/// Changes whole lines: taken out, doubled, indented, or replaced by those of another seed.
fn lines(text: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let range = dice.range(lines.len(), 6);
    match dice.below(4) {
        0 => drop(lines.drain(range)),
        1 => {
            let copy = lines[range.clone()].to_vec();
            lines.splice(range.start..range.start, copy);
        }
        2 => lines[range].iter_mut().for_each(|line| drop(line.splice(0..0, *b"  "))),
        _ => {
            let others: Vec<Vec<u8>> = other.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            let from = dice.range(others.len(), 12);
            lines.splice(range, others[from].to_vec());
        }
    }
    lines.concat()
}

#[test]
fn mutated_configs_end_in_time() {
    let seeds = seeds();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let begin = Instant::now();
    let mut done = 0;
    while done < INPUTS && begin.elapsed() < BUDGET {
        let mut text = seeds[dice.below(seeds.len())].clone();
        for _ in 0..=dice.below(3) {
            if dice.below(2) == 0 {
                bytes(&mut text, &mut dice);
            } else {
                let other = dice.below(seeds.len());
                text = lines(&text, &seeds[other], &mut dice);
            }
        }
        if done % 4 == 0 {
            text.extend_from_slice(b"\0[Service]\nExecStart=/bin/true\n");
            body::locals(&text);
        } else {
            body::compiles(&text);
        }
        done += 1;
    }
    assert!(done >= INPUTS / 10, "only {done} inputs in {BUDGET:?}");
    println!("{done} inputs in {:?}", begin.elapsed());
}

/// Depth and breadth that no seed has.
#[test]
fn nesting_and_aliases_end_in_time() {
    let head = "variant: flatcar\nversion: 1.1.0\n";
    let bomb: String = (1..30).map(|at| format!("a{at}: &a{at} [*a{0}, *a{0}, *a{0}]\n", at - 1)).collect();
    for text in [
        format!("{head}storage: {}", "[".repeat(60_000)),
        format!("{head}storage: {}", "{a: ".repeat(15_000)),
        format!("{head}a: &a {}", "- ".repeat(30_000)),
        format!("{head}a0: &a0 [x]\n{bomb}"),
        format!("{head}a: &a {{b: *a}}\n"),
        format!("{head}{}", "unknown: 1\n".repeat(5_000)),
        format!("{head}a: \"{}\"\n", "\\u0041".repeat(10_000)),
    ] {
        println!("a text that begins with {:?}", &text[head.len()..head.len() + 12]);
        body::compiles(text.as_bytes());
    }
}
