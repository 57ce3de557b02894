//! Clients: connections at a steady rate, and single questions.

use super::answer::{Answer, REQUEST};
use super::failure::Failure;
use super::space::{enter, within};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::sockopt::socket_error;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, ipproto, recv, send, socket_with,
};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream, UdpSocket};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a connection may take before it counts as lost.
pub(super) const DEADLINE: Duration = Duration::from_secs(1);

/// A connection that was tried.
#[derive(Debug, Clone)]
pub(super) struct Tried {
    /// When it was begun, in milliseconds since the probe was started.
    pub(super) at_ms: u32,
    /// Who answered; `None`: nobody, in time.
    pub(super) answer: Option<Answer>,
}

/// Connections from one namespace at a steady rate.
#[derive(Debug)]
pub(super) struct Stream {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Vec<Tried>, Failure>>,
}

impl Stream {
    /// Begins to connect to an address, `per_second` times a second.
    pub(super) fn start(space: &str, to: SocketAddrV4, per_second: u32, epoch: Instant) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (space, flag) = (space.to_owned(), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            enter(&space)?;
            Ok(connect_all(to, per_second, epoch, &flag))
        });
        Self { stop, thread }
    }

    /// Ends it; what became of the connections.
    pub(super) fn finish(self) -> Result<Vec<Tried>, Failure> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_else(|_| Err(Failure::new("a probe ended early")))
    }
}

/// A connection under way.
struct Open {
    tried: usize,
    begun: Instant,
    socket: OwnedFd,
    asked: bool,
    received: Vec<u8>,
}

fn connect_all(to: SocketAddrV4, per_second: u32, epoch: Instant, stop: &AtomicBool) -> Vec<Tried> {
    let pause = Duration::from_secs(1) / per_second.max(1);
    let (mut tried, mut open): (Vec<Tried>, Vec<Open>) = (Vec::new(), Vec::new());
    let mut next = Instant::now();
    loop {
        let now = Instant::now();
        let stopped = stop.load(Ordering::Relaxed);
        if stopped && open.is_empty() {
            return tried;
        }
        if !stopped && now >= next {
            let at_ms = u32::try_from(now.saturating_duration_since(epoch).as_millis()).unwrap_or(u32::MAX);
            tried.push(Tried { at_ms, answer: None });
            open.extend(begin(to, tried.len() - 1, now));
            next += pause;
            // Whoever did not get the processor does not make up for it.
            next = next.max(now);
        }
        open.retain(|one| now.duration_since(one.begun) < DEADLINE);
        let rest = if stopped { pause } else { next.saturating_duration_since(Instant::now()).min(pause) };
        let ready = wait(&open, rest);
        for at in (0..open.len()).rev().filter(|at| ready[*at]) {
            match step(&mut open[at]) {
                Ok(None) => {}
                Ok(Some(answer)) => {
                    tried[open[at].tried].answer = Some(answer);
                    open.swap_remove(at);
                }
                Err(_) => drop(open.swap_remove(at)),
            }
        }
    }
}

fn begin(address: SocketAddrV4, tried: usize, begun: Instant) -> Option<Open> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, Some(ipproto::TCP)).ok()?;
    match connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS) => Some(Open { tried, begun, socket, asked: false, received: Vec::new() }),
        Err(_) => None,
    }
}

/// Which of them have something to tell, within `rest`.
fn wait(open: &[Open], rest: Duration) -> Vec<bool> {
    let interest = |one: &Open| if one.asked { PollFlags::IN } else { PollFlags::OUT };
    let mut watched: Vec<PollFd<'_>> = open.iter().map(|one| PollFd::new(&one.socket, interest(one))).collect();
    let rest = Timespec { tv_sec: 0, tv_nsec: i64::from(rest.subsec_nanos()) };
    if poll(&mut watched, Some(&rest)).is_err() {
        return vec![false; open.len()];
    }
    watched.iter().map(|one| !one.revents().is_empty()).collect()
}

/// Goes on with a connection: the answer once it is whole.
fn step(open: &mut Open) -> Result<Option<Answer>, Errno> {
    if !open.asked {
        socket_error(open.socket.as_fd())??;
        send(&open.socket, REQUEST, SendFlags::NOSIGNAL)?;
        open.asked = true;
        return Ok(None);
    }
    let mut buffer = [0; 1024];
    match recv(&open.socket, &mut buffer, RecvFlags::empty()) {
        Ok((_, 0)) => Err(Errno::CONNRESET),
        Ok((_, count)) => {
            open.received.extend_from_slice(&buffer[..count]);
            Ok(Answer::find(&open.received))
        }
        Err(Errno::AGAIN) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Connects once from a namespace: who answers, if anybody does.
pub(super) fn ask(space: &str, udp: bool, to: SocketAddrV4, patience: Duration) -> Result<Option<Answer>, Failure> {
    within(space, || Ok(if udp { ask_udp(to, patience) } else { ask_tcp(to, patience) }.ok().flatten()))
}

fn ask_tcp(to: SocketAddrV4, patience: Duration) -> std::io::Result<Option<Answer>> {
    let mut stream = TcpStream::connect_timeout(&to.into(), patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.write_all(REQUEST)?;
    let mut received = Vec::new();
    let mut buffer = [0; 1024];
    loop {
        let count = stream.read(&mut buffer)?;
        received.extend_from_slice(&buffer[..count]);
        let found = Answer::find(&received);
        if found.is_some() || count == 0 {
            return Ok(found);
        }
    }
}

fn ask_udp(to: SocketAddrV4, patience: Duration) -> std::io::Result<Option<Answer>> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect(to)?;
    // A datagram may get lost while neighbours are looked up: once more costs nothing.
    socket.set_read_timeout(Some(patience / 2))?;
    let mut buffer = [0; 1024];
    for _ in 0..2 {
        socket.send(REQUEST)?;
        if let Ok(count) = socket.recv(&mut buffer) {
            return Ok(Answer::find(&buffer[..count]));
        }
    }
    Ok(None)
}
