//! How a machine of the lab comes to life, and what can be done to it.
//!
//! This is the seam between the levels: everything around a machine (its cables, those who connect, what is asserted) is the
//! same whether its daemons are started directly ([`daemons`](super::daemons)) or by its own systemd.

use super::failure::Failure;
use super::plan::Plan;
use super::process::Pid;
use super::result::{Assertion, Engine};
use super::service::Daemon;

/// What is done to a daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// It is started.
    Start,
    /// It is stopped in good order.
    Stop,
    /// All of its processes are killed at once, and nothing starts it again.
    Kill,
    /// All of its processes are killed at once. Whoever looks after it starts it again, and this waits for that.
    Die,
    /// All of its processes stand still.
    Hang,
    /// They go on.
    Resume,
}

/// A way for machines to come to life. Machines are called by their names in the plan.
pub trait Life: Send + Sync {
    /// Switches a machine on: its cards are plugged in. When this returns, its network, settings and filter are those of
    /// its own files, and its daemons have been started.
    ///
    /// # Errors
    /// What keeps it from that.
    fn raise(&self, plan: &Plan, node: &str) -> Result<(), Failure>;

    /// Switches it off without a word, as a power cut does. Its cables are cut already.
    ///
    /// # Errors
    /// When it is not there.
    fn fell(&self, plan: &Plan, node: &str) -> Result<(), Failure>;

    /// Does something to a daemon.
    ///
    /// # Errors
    /// When there is no such daemon, or it does not do as it should.
    fn act(&self, plan: &Plan, node: &str, daemon: Daemon, act: Act) -> Result<(), Failure>;

    /// The processes of a daemon, the first one of them first; none if it does not run. Numbers of the sandbox.
    fn processes(&self, node: &str, daemon: Daemon) -> Vec<Pid>;

    /// What a daemon has said since it was last started, line by line.
    fn said(&self, node: &str, daemon: Daemon) -> Vec<String>;

    /// The first process of a machine; `None` while it is off.
    fn first(&self, node: &str) -> Option<Pid>;

    /// What is doubted on this level only: what would make a machine look well that is not.
    fn doubts(&self, _plan: &Plan) -> Vec<Assertion> {
        Vec::new()
    }

    /// Programs that this level runs beside the daemons.
    fn engines(&self, _plan: &Plan) -> Vec<Engine> {
        Vec::new()
    }

    /// Words about this level for people, a sentence each.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}
