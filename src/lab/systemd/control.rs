//! Talking to a machine's systemd, from outside of it.

use crate::lab::failure::Failure;
use crate::lab::process::{self, Pid};
use crate::lab::space::{run, within};
use std::fs;
use std::time::{Duration, Instant};

/// A machine that is on.
pub(super) struct Control {
    /// Its systemd.
    pub(super) first: Pid,
    /// Its name.
    pub(super) node: String,
}

/// How often systemd is asked.
const TURN: Duration = Duration::from_millis(100);

impl Control {
    /// Waits until something is so.
    pub(super) fn until(&self, patience: Duration, so: impl Fn() -> bool) -> bool {
        let begin = Instant::now();
        while !so() {
            if begin.elapsed() > patience || !process::runs(self.first) {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        true
    }

    /// What a program of the machine prints.
    ///
    /// # Errors
    /// What it says when it fails.
    pub(super) fn run(&self, words: &[&str]) -> Result<String, Failure> {
        let target = self.first.to_string();
        let mut all = vec!["--target", target.as_str(), "--mount", "--pid", "--uts", "--ipc", "--cgroup", "--"];
        all.extend_from_slice(words);
        within(&self.node, || run("nsenter", &all, ""))
    }

    /// What systemctl(1) prints.
    ///
    /// # Errors
    /// What it says when it fails.
    pub(super) fn systemctl(&self, words: &[&str]) -> Result<String, Failure> {
        let all: Vec<&str> = ["systemctl", "--no-pager", "--plain"].iter().chain(words).copied().collect();
        self.run(&all)
    }

    /// A property of a unit.
    pub(super) fn property(&self, unit: &str, name: &str) -> String {
        self.systemctl(&["show", "--value", "--property", name, unit]).unwrap_or_default().trim().to_owned()
    }

    /// Units in a state (`failed`, say).
    pub(super) fn units(&self, state: &str) -> Vec<String> {
        let shown = self.systemctl(&["list-units", "--all", "--no-legend", "--state", state]).unwrap_or_default();
        shown.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
    }

    /// What a unit has said since it was last started, line by line.
    pub(super) fn journal(&self, unit: &str) -> Vec<String> {
        let own = format!("_SYSTEMD_INVOCATION_ID={}", self.property(unit, "InvocationID"));
        let said = self.run(&["journalctl", "--no-pager", "--quiet", "--output=cat", &own]);
        said.unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// Waits until everything that was to be started is.
    ///
    /// # Errors
    /// Units that failed, or what is still waited for when it takes too long.
    pub(super) fn booted(&self, patience: Duration) -> Result<(), Failure> {
        let begin = Instant::now();
        loop {
            // Its status says the same as its word; early on it cannot be reached yet.
            let shown = self.run(&["sh", "-c", "systemctl is-system-running 2>/dev/null || true"])?;
            match shown.trim() {
                "running" => return Ok(()),
                "degraded" => return Err(self.degraded()),
                "stopping" => return Err(Failure::new(format!("`{}` goes down while it boots", self.node))),
                _ if begin.elapsed() > patience => {
                    let jobs = self.systemctl(&["list-jobs", "--no-legend"]).unwrap_or_default();
                    let jobs = jobs.lines().filter(|line| line.ends_with("running"));
                    let names: Vec<&str> = jobs.filter_map(|line| line.split_whitespace().nth(1)).collect();
                    let message = format!("`{}` has not booted after {} s", self.node, patience.as_secs());
                    return Err(Failure::new(message).hint(format!("it waits for {}", names.join(", "))));
                }
                _ => std::thread::sleep(TURN),
            }
        }
    }

    fn degraded(&self) -> Failure {
        let failed = self.units("failed");
        let provisioned = self.complaints();
        let said = match failed.first() {
            Some(unit) if provisioned.is_empty() => self.journal(unit),
            _ => provisioned,
        };
        let last = said[said.len().saturating_sub(4)..].join("; ");
        let failure = Failure::new(format!("units failed while `{}` booted: {}", self.node, failed.join(", ")));
        if last.is_empty() { failure } else { failure.hint(format!("the last of what is said about it: {last}")) }
    }

    /// What cloud-init complains about so far, stage by stage.
    pub(super) fn complaints(&self) -> Vec<String> {
        let path = format!("/proc/{}/root/run/cloud-init/status.json", self.first);
        let text = fs::read_to_string(path).unwrap_or_default();
        let status: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let stages = status.get("v1").and_then(serde_json::Value::as_object).into_iter().flatten();
        let found = stages.flat_map(|(stage, of)| {
            let errors = of.get("errors").and_then(serde_json::Value::as_array).into_iter().flatten();
            errors.map(move |error| format!("{stage}: {}", error.as_str().unwrap_or_default()))
        });
        found.collect()
    }
}
