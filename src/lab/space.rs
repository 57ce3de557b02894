//! Being in a network namespace: a thread moves there, and everything that it starts or opens is there.

use super::failure::Failure;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::process::{Command, Stdio};

/// Where ip(8) keeps its names.
pub(super) const NAMES: &str = "/run/netns";

/// Moves the calling thread into a network namespace, for good.
pub(super) fn enter(space: &str) -> Result<(), Failure> {
    let moved = File::open(format!("{NAMES}/{space}"))
        .and_then(|file| Ok(move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))?));
    moved.map_err(Failure::io(&format!("enter the network namespace `{space}`")))
}

/// Does something in a network namespace, in a thread of its own.
pub(super) fn within<T: Send>(space: &str, work: impl FnOnce() -> Result<T, Failure> + Send) -> Result<T, Failure> {
    let inside = move || {
        enter(space)?;
        work()
    };
    std::thread::scope(|scope| scope.spawn(inside).join())
        .unwrap_or_else(|_| Err(Failure::new(format!("a thread in `{space}` ended early"))))
}

/// Runs a program, with `input` on its standard input; what it printed.
pub(super) fn run(program: &str, arguments: &[&str], input: &str) -> Result<String, Failure> {
    let doing = format!("run `{program}`");
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(Failure::io(&doing))?;
    // A program that fails may not have read everything: its status tells.
    let written = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().map_err(Failure::io(&doing))?;
    if output.status.success() {
        written.map_err(Failure::io(&doing))?;
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).take(3).collect();
    let line = culprit(&said.join("; "), input);
    Err(Failure::new(format!("`{program} {}` failed: {}{line}", arguments.join(" "), said.join("; "))))
}

/// The line of a batch that was complained about, as ip(8) and bridge(8) number it.
fn culprit(said: &str, input: &str) -> String {
    let number = said.rsplit("Command failed -:").next().map(|rest| rest.chars().take_while(char::is_ascii_digit));
    let number = number.and_then(|digits| digits.collect::<String>().parse::<usize>().ok());
    let line = number.and_then(|number| input.lines().nth(number.checked_sub(1)?));
    line.map(|line| format!(" (`{line}`)")).unwrap_or_default()
}
