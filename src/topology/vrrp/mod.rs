//! Who holds a virtual address, after which failures, and after how many seconds.
//!
//! VRRP (RFC 3768, RFC 5798) as Keepalived plays it: a backup waits three adverts and a skew for a master that it accepts,
//! a master yields to a higher priority, or to the same priority and a higher address, and whoever stops in good
//! order says so with an advert of priority 0. Agreement with the real Keepalived is tested in namespaces.

mod hearing;
mod scenario;
mod seconds;
#[cfg(test)]
mod tests;

pub use hearing::{Deaf, Password};
pub use scenario::{Event, Fault, Finding, Trouble, findings, single};
pub use seconds::Seconds;

use hearing::Hears;
use ipnet::Ipv4Net;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// The highest priority; who has it owns the address, and no weight changes it.
const OWNER: u8 = 255;

/// One node's part in the election of an address, as its Keepalived is configured.
#[derive(Debug, Clone, PartialEq)]
pub struct Speaker {
    /// Name of the node.
    pub node: String,
    /// Segment that its adverts go out on; `None` when the interface is not there.
    pub segment: Option<String>,
    /// Address that its adverts come from.
    pub address: Ipv4Addr,
    /// Virtual router id.
    pub router_id: u8,
    /// Priority without any weight.
    pub priority: u8,
    /// Whether it takes the address from a master of lower priority.
    pub preempts: bool,
    /// Seconds that it waits before it does.
    pub preempt_delay: f64,
    /// VRRP version: 2 or 3.
    pub version: u8,
    /// Seconds between two adverts.
    pub advert: f64,
    /// What its adverts carry.
    pub password: Option<Password>,
    /// Addresses that adverts are sent to; `None` for the multicast group.
    pub peers: Option<Vec<Ipv4Addr>>,
    /// Whether it ignores adverts that do not come from a peer.
    pub checks_source: bool,
    /// Who its firewall lets VRRP in from.
    pub admits: Vec<Ipv4Net>,
    /// What lowers or raises its priority.
    pub trackers: Vec<Tracker>,
}

/// A script or process whose state counts in the election.
#[derive(Debug, Clone, PartialEq)]
pub struct Tracker {
    /// Its name.
    pub name: String,
    /// Whether it fails when HAProxy does.
    pub watches_haproxy: bool,
    /// Addresses that it asks whether anybody is there: it fails when none of them answers. Empty: it asks nobody.
    pub witnesses: Vec<Ipv4Addr>,
    /// What is added when it is well (positive) or subtracted when it is ill (negative); 0: an ill one makes the
    /// speaker give up.
    pub weight: i32,
    /// How long it takes to find out that it is ill.
    pub detection: Seconds,
    /// How long it takes to find out that HAProxy is there and does not answer; `None`: it never does.
    pub hang: Option<Seconds>,
    /// How long it takes to find out that it is well again.
    pub recovery: Seconds,
}

/// Everybody that wants the same address.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// The speakers.
    pub speakers: Vec<Speaker>,
    /// Who hears whom: `hears[a][b]` says whether `a` gets and takes the adverts of `b`.
    hears: Vec<Vec<Hears>>,
}

/// What works of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// The machine.
    pub node: bool,
    /// Its link.
    pub link: bool,
    /// Keepalived.
    pub keepalived: bool,
    /// HAProxy.
    pub haproxy: bool,
    /// HAProxy, while it is there, answers.
    pub answers: bool,
    /// Each of its scripts that ask others is answered by somebody.
    pub company: bool,
}

impl Health {
    /// Everything works.
    pub const GOOD: Self =
        Self { node: true, link: true, keepalived: true, haproxy: true, answers: true, company: true };

    /// Whether the address is of use on this node. What its scripts think of others is no part of that.
    pub fn serves(self) -> bool {
        Self { company: true, ..self } == Self::GOOD
    }
}

/// A moment at which nothing moves any more.
#[derive(Debug, Clone, PartialEq)]
pub struct Calm {
    /// What works, speaker by speaker.
    pub health: Vec<Health>,
    /// The speakers that hold the address.
    pub masters: BTreeSet<usize>,
    /// The speakers that have sent adverts since their machines started: their filters let answers in.
    pub spoke: BTreeSet<usize>,
    /// How long it took to come to this; `None` if nobody holds the address who did not before.
    pub after: Option<Seconds>,
}

/// What a speaker can be in an election.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    /// It does not take part.
    Out,
    /// It takes part with this priority.
    In(u8),
}

impl Speaker {
    /// The priority that it advertises in this health; `None` when it does not take part.
    pub fn effective(&self, health: Health) -> Option<u8> {
        match self.status(health) {
            Status::Out => None,
            Status::In(priority) => Some(priority),
        }
    }

    fn status(&self, health: Health) -> Status {
        if !(health.node && health.link && health.keepalived) || self.segment.is_none() {
            return Status::Out;
        }
        let mut priority = i32::from(self.priority);
        for tracker in &self.trackers {
            let alone = !tracker.witnesses.is_empty() && !health.company;
            let hung = !health.answers && tracker.hang.is_some();
            let ill = alone || (tracker.watches_haproxy && (!health.haproxy || hung));
            match tracker.weight {
                0 if ill => return Status::Out,
                weight if (weight < 0) == ill => priority += weight,
                _ => {}
            }
        }
        if self.priority == OWNER {
            return Status::In(OWNER);
        }
        Status::In(u8::try_from(priority.clamp(1, i32::from(OWNER) - 1)).unwrap_or(1))
    }

    /// RFC 3768 counts the skew in parts of a second, RFC 5798 in parts of the advert interval.
    fn skew(&self, priority: u8) -> f64 {
        let unit = if self.version == 3 { self.advert } else { 1.0 };
        f64::from(256 - u16::from(priority)) / 256.0 * unit
    }

    /// From now until it takes over from a master that fell silent (or advertises too little) without a word: the last
    /// advert that it accepted may be as old as one interval.
    fn down(&self, priority: u8) -> Seconds {
        let skew = self.skew(priority);
        Seconds { least: 2.0 * self.advert + skew, most: 3.0 * self.advert + skew }
    }
}

impl Group {
    /// The speakers of one address.
    pub fn new(speakers: Vec<Speaker>) -> Self {
        let hears = speakers.iter().map(|a| speakers.iter().map(|b| hearing::hears(a, b)).collect()).collect();
        Self { speakers, hears }
    }

    /// Why `listener` does not take the adverts of `sender`.
    pub fn deaf(&self, listener: usize, sender: usize) -> Option<Deaf> {
        hearing::deaf(self.speakers.get(listener)?, self.speakers.get(sender)?)
    }

    /// Everything works and everybody has been started.
    pub fn start(&self) -> Calm {
        let health = vec![Health::GOOD; self.speakers.len()];
        let mut calm = Calm { health, masters: BTreeSet::new(), spoke: BTreeSet::new(), after: None };
        // Nobody has advertised before, so nothing of the wait is over.
        calm.after = self.settle(&mut calm, None).map(|wait| Seconds::exactly(wait.most));
        calm
    }

    /// What `fault` on the speaker `at` leads to.
    pub fn after(&self, before: &Calm, at: usize, fault: Fault) -> Calm {
        let mut calm = before.clone();
        let Some(speaker) = self.speakers.get(at) else { return calm };
        fault.apply(&mut calm.health[at], false);
        if fault == Fault::Node {
            calm.spoke.remove(&at);
        }
        self.look(&mut calm, None);
        let new = speaker.status(calm.health[at]);
        let held = new == Status::Out && calm.masters.contains(&at);
        self.give_up(&mut calm);
        let base = match fault {
            Fault::Haproxy => noticing(speaker, new, |tracker| Some(tracker.detection)),
            Fault::Hung => noticing(speaker, new, |tracker| tracker.hang),
            Fault::Node | Fault::Link | Fault::Keepalived => Seconds::NOW,
        };
        let announced = held && matches!(fault, Fault::Haproxy | Fault::Hung | Fault::Keepalived);
        calm.after = None;
        if self.differ(before, &calm) {
            let moved = self.settle(&mut calm, announced.then_some(at));
            if calm.masters != before.masters && !calm.masters.is_empty() {
                calm.after = Some(base.plus(moved.unwrap_or(Seconds::NOW)));
            }
        }
        calm
    }

    /// What the end of `fault` on the speaker `at` leads to: it takes part again, as a backup.
    pub fn repaired(&self, before: &Calm, at: usize, fault: Fault) -> Calm {
        let mut calm = before.clone();
        calm.after = None;
        let Some(speaker) = self.speakers.get(at) else { return calm };
        let old = speaker.status(calm.health[at]);
        fault.apply(&mut calm.health[at], true);
        self.look(&mut calm, None);
        if !self.differ(before, &calm) {
            return calm;
        }
        let recovery = |ill| noticing(speaker, ill, |tracker| Some(tracker.recovery));
        let base = match fault {
            Fault::Haproxy | Fault::Hung => recovery(old),
            // Both start at once: HAProxy may not be there yet when it is asked for the first time.
            Fault::Node => Seconds { least: 0.0, most: recovery(Status::In(speaker.priority)).most },
            // Whether its scripts had noticed, too, depends on how long it was away.
            Fault::Link => Seconds { least: 0.0, most: company(speaker, |tracker| tracker.recovery).most },
            Fault::Keepalived => Seconds::NOW,
        };
        let moved = self.settle(&mut calm, None);
        if calm.masters != before.masters && !calm.masters.is_empty() {
            calm.after = Some(base.plus(moved.unwrap_or(Seconds::NOW)));
        }
        calm
    }

    /// What happens while nothing gets through between the speaker `at` and everybody else, and when it does again.
    pub fn partitioned(&self, before: &Calm, at: usize) -> (Calm, Calm) {
        let mut torn = self.clone();
        for other in (0..self.speakers.len()).filter(|other| *other != at) {
            torn.hears[at][other] = Hears::Never;
            torn.hears[other][at] = Hears::Never;
        }
        let mut apart = before.clone();
        torn.look(&mut apart, Some(at));
        let left = torn.give_up(&mut apart);
        // Who gives up unheard is missed no sooner than one who is silent.
        let noticed = self.speakers.get(at).filter(|_| left).map(|one| company(one, |tracker| tracker.detection));
        apart.after = torn.settle(&mut apart, None).map(|moved| noticed.map_or(moved, |noticed| noticed.longer(moved)));
        let mut healed = apart.clone();
        self.look(&mut healed, None);
        let recovers = self.differ(&apart, &healed);
        let base = self.speakers.get(at).filter(|_| recovers).map(|one| company(one, |tracker| tracker.recovery));
        let moved = self.settle(&mut healed, None).map(|moved| base.map_or(moved, |base| base.plus(moved)));
        // Whoever must yield does so at the next advert of the other one.
        let advert = self.speakers.get(at).map_or(0.0, |speaker| speaker.advert);
        let yields = (healed.masters != apart.masters).then_some(Seconds { least: 0.0, most: advert });
        healed.after = moved.or(yields);
        (apart, healed)
    }

    /// Notes whose scripts find somebody of those whom they ask, while the speaker `apart` reaches nobody.
    fn look(&self, calm: &mut Calm, apart: Option<usize>) {
        let there = |asking: usize, witness: &Ipv4Addr, health: &[Health]| {
            let speaker = self.speakers.iter().position(|speaker| speaker.address == *witness);
            let works = speaker.is_none_or(|at| health[at].node && health[at].link && apart != Some(at));
            works && health[asking].link && apart != Some(asking)
        };
        for (at, speaker) in self.speakers.iter().enumerate() {
            let mut asked = speaker.trackers.iter().map(|tracker| &tracker.witnesses).filter(|all| !all.is_empty());
            calm.health[at].company = asked.all(|all| all.iter().any(|witness| there(at, witness, &calm.health)));
        }
    }

    /// Lets those go who do not take part any more; whether there was one.
    fn give_up(&self, calm: &mut Calm) -> bool {
        let before = calm.masters.len();
        let out: Vec<usize> = calm.masters.iter().copied().filter(|at| self.priority(calm, *at).is_none()).collect();
        calm.masters.retain(|at| !out.contains(at));
        calm.masters.len() < before
    }

    /// Whether somebody takes part otherwise than before.
    fn differ(&self, before: &Calm, now: &Calm) -> bool {
        let status = |calm: &Calm, at: usize| self.speakers[at].status(calm.health[at]);
        (0..self.speakers.len()).any(|at| status(before, at) != status(now, at))
    }

    fn priority(&self, calm: &Calm, at: usize) -> Option<u8> {
        self.speakers[at].effective(calm.health[at])
    }

    /// Lets backups rise and masters yield until nobody does, and says how long that takes. `leaver` held the
    /// address and said that it stops.
    fn settle(&self, calm: &mut Calm, leaver: Option<usize>) -> Option<Seconds> {
        let mut took = None;
        // Each round adds a master that no other one keeps down, so there are no more than there are speakers.
        for _ in 0..=self.speakers.len() {
            let risers = (0..self.speakers.len()).filter_map(|at| self.rise(calm, at, leaver));
            let first = risers.min_by(|a, b| {
                let rank = |at: usize| (self.priority(calm, at), self.speakers[at].address);
                a.1.most.total_cmp(&b.1.most).then_with(|| rank(b.0).cmp(&rank(a.0)))
            });
            if let Some((at, wait)) = first {
                calm.masters.insert(at);
                calm.spoke.insert(at);
                took = Some(took.map_or(wait, |longest: Seconds| longest.longer(wait)));
            }
            let yielding: Vec<usize> = calm.masters.iter().copied().filter(|at| self.yields(calm, *at)).collect();
            calm.masters.retain(|at| !yielding.contains(at));
            if first.is_none() && yielding.is_empty() {
                break;
            }
        }
        took
    }

    /// Whether the backup `at` becomes a master, and after how long.
    fn rise(&self, calm: &Calm, at: usize, leaver: Option<usize>) -> Option<(usize, Seconds)> {
        let speaker = &self.speakers[at];
        let priority = self.priority(calm, at).filter(|_| !calm.masters.contains(&at))?;
        let mut masters = calm.masters.iter().filter(|master| self.hears(calm, at, **master)).peekable();
        let alone = masters.peek().is_none();
        let accepts = |master: &usize| !speaker.preempts || self.priority(calm, *master) >= Some(priority);
        if masters.any(accepts) {
            return None;
        }
        let told = alone && leaver.is_some_and(|leaver| self.hears(calm, at, leaver));
        let wait = if told { Seconds::exactly(speaker.skew(priority)) } else { speaker.down(priority) };
        let wait = if alone { wait } else { wait.plus(Seconds::exactly(speaker.preempt_delay)) };
        Some((at, wait))
    }

    fn hears(&self, calm: &Calm, listener: usize, sender: usize) -> bool {
        match self.hears[listener][sender] {
            Hears::Always => true,
            Hears::Answers => calm.spoke.contains(&listener),
            Hears::Never => false,
        }
    }

    fn yields(&self, calm: &Calm, at: usize) -> bool {
        let rank = |at: usize| (self.priority(calm, at), self.speakers[at].address);
        calm.masters.iter().any(|other| self.hears(calm, at, *other) && rank(*other) > rank(at))
    }
}

/// How long it takes until the scripts of a speaker that ask others and make it give up have noticed something.
fn company(speaker: &Speaker, how_long: impl Fn(&Tracker) -> Seconds) -> Seconds {
    let asking = speaker.trackers.iter().filter(|tracker| !tracker.witnesses.is_empty() && tracker.weight == 0);
    asking.map(how_long).reduce(Seconds::shorter).unwrap_or(Seconds::NOW)
}

/// How long it takes until the speaker knows of its HAProxy what makes it `ill`, or what made it so is over.
fn noticing(speaker: &Speaker, ill: Status, how_long: impl Fn(&Tracker) -> Option<Seconds>) -> Seconds {
    let watching = speaker.trackers.iter().filter(|tracker| tracker.watches_haproxy);
    let counting = watching.filter(|tracker| ill != Status::Out || tracker.weight == 0);
    // One that makes it give up is enough; of weights, the last one counts.
    let pick = if ill == Status::Out { Seconds::shorter } else { Seconds::longer };
    counting.filter_map(how_long).reduce(pick).unwrap_or(Seconds::NOW)
}
