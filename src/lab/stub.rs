//! Stubs: somebody on every port that somebody connects to, who says who he is.

use super::answer::Answer;
use super::failure::Failure;
use super::plan::Stub;
use super::space::{enter, run};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// How long a client may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(3);

/// First byte of a TLS record with a handshake (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 0x16;

/// Where TLS is ended.
const SOCKET: &str = "/run/lab/tls.sock";
const CERTIFICATE: &str = "/run/lab/tls.pem";
const CONFIG: &str = "/run/lab/tls.cfg";

/// Everybody that answers.
#[derive(Debug, Default)]
pub(super) struct Stubs {
    /// Whether those of a namespace answer.
    on: BTreeMap<String, Arc<AtomicBool>>,
    tls: Option<Child>,
}

impl Stubs {
    /// Starts those that are not started yet, in the namespaces that are `meant`; when this returns, they listen.
    pub(super) fn add(&mut self, all: &[Stub], meant: &dyn Fn(&str) -> bool) -> Result<(), Failure> {
        if self.tls.is_none() {
            self.tls = Some(tls()?);
        }
        let mut spaces: BTreeMap<String, Vec<Stub>> = BTreeMap::new();
        for stub in all.iter().filter(|stub| meant(&stub.space) && !self.on.contains_key(&stub.space)) {
            spaces.entry(stub.space.clone()).or_default().push(stub.clone());
        }
        let mut on = BTreeMap::new();
        let (tell, told) = mpsc::channel();
        for (space, stubs) in spaces {
            let own = Arc::new(AtomicBool::new(true));
            on.insert(space.clone(), Arc::clone(&own));
            let tell = tell.clone();
            std::thread::spawn(move || {
                if let Err(failure) = enter(&space).and_then(|()| serve(&stubs, &own, &tell)) {
                    tell.send(Err(failure)).ok();
                }
            });
        }
        drop(tell);
        for _ in &on {
            told.recv_timeout(PATIENCE).map_err(|_| Failure::new("the stubs do not start"))??;
        }
        self.on.extend(on);
        Ok(())
    }

    /// Lets those of a namespace answer, or not: their ports are closed.
    pub(super) fn set(&self, space: &str, answers: bool) {
        if let Some(on) = self.on.get(space) {
            on.store(answers, Ordering::Relaxed);
        }
    }
}

impl Drop for Stubs {
    fn drop(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.kill().and_then(|()| tls.wait().map(drop)).ok();
        }
    }
}

/// HAProxy asks some backends over TLS whether they are well (`check: k3s-api`). TLS is ended by a HAProxy of the lab's own,
/// which answers as K3s does whom it does not know.
fn tls() -> Result<Child, Failure> {
    let key = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    let pem = run("openssl", &[&key[..], &["-subj", "/CN=bake-lab", "-keyout", "-", "-out", "-"]].concat(), "")?;
    fs::write(CERTIFICATE, pem).map_err(Failure::io("write a certificate"))?;
    let config = format!(
        "defaults\n mode http\n timeout connect 2s\n timeout client 5s\n timeout server 5s\nfrontend tls\n bind unix@{SOCKET} \
         ssl crt {CERTIFICATE}\n http-request return status 401\n"
    );
    fs::write(CONFIG, config).map_err(Failure::io("write a configuration"))?;
    let mut command = Command::new("haproxy");
    command.args(["-db", "-f", CONFIG]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().map_err(Failure::io("start a HAProxy for TLS"))
}

/// What is listened on.
enum Listener {
    Tcp(TcpListener),
    Udp(UdpSocket),
}

fn listen(stub: &Stub) -> io::Result<Listener> {
    let at = (stub.address, stub.port.number);
    if stub.port.udp {
        let socket = UdpSocket::bind(at)?;
        socket.set_nonblocking(true)?;
        return Ok(Listener::Udp(socket));
    }
    let listener = TcpListener::bind(at)?;
    listener.set_nonblocking(true)?;
    Ok(Listener::Tcp(listener))
}

/// Serves the stubs of the namespace that the calling thread is in, for ever.
fn serve(stubs: &[Stub], on: &AtomicBool, tell: &mpsc::Sender<Result<(), Failure>>) -> Result<(), Failure> {
    let open = || -> Result<Vec<Listener>, Failure> {
        let one = |stub: &Stub| {
            let doing = format!("listen on {}:{} in `{}`", stub.address, stub.port.number, stub.space);
            listen(stub).map_err(Failure::io(&doing))
        };
        stubs.iter().map(one).collect()
    };
    let mut listeners = open()?;
    tell.send(Ok(())).ok();
    loop {
        let answers = on.load(Ordering::Relaxed);
        if !answers {
            listeners.clear();
        } else if listeners.is_empty() {
            listeners = open()?;
        }
        let watched = listeners.iter().map(|listener| match listener {
            Listener::Tcp(socket) => PollFd::new(socket, PollFlags::IN),
            Listener::Udp(socket) => PollFd::new(socket, PollFlags::IN),
        });
        let mut watched: Vec<PollFd<'_>> = watched.collect();
        let soon = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
        poll(&mut watched, Some(&soon)).ok();
        for (listener, stub) in listeners.iter().zip(stubs) {
            match listener {
                Listener::Tcp(socket) => {
                    while let Ok((stream, peer)) = socket.accept() {
                        let (name, port) = (stub.name.clone(), stub.port.number);
                        std::thread::spawn(move || talk(stream, peer, name, port).ok());
                    }
                }
                Listener::Udp(socket) => {
                    let mut buffer = [0; 512];
                    while let Ok((_, peer)) = socket.recv_from(&mut buffer) {
                        socket.send_to(answer(stub.name.clone(), stub.port.number, peer).line().as_bytes(), peer).ok();
                    }
                }
            }
        }
    }
}

fn answer(name: String, port: u16, peer: SocketAddr) -> Answer {
    let seen = match peer.ip() {
        IpAddr::V4(address) => address,
        IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
    };
    Answer { name, port, seen }
}

/// Answers one client.
fn talk(mut stream: TcpStream, peer: SocketAddr, name: String, port: u16) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut buffer = [0; 1024];
    if stream.peek(&mut buffer)? > 0 && buffer[0] == HANDSHAKE {
        return hand_over(&stream);
    }
    if stream.read(&mut buffer)? > 0 {
        stream.write_all(answer(name, port, peer).response().as_bytes())?;
        stream.shutdown(Shutdown::Write)?;
        // Until the client closes: a socket that is closed with something unread resets the connection.
        while stream.read(&mut buffer).is_ok_and(|count| count > 0) {}
    }
    Ok(())
}

/// Lets TLS be ended elsewhere.
fn hand_over(stream: &TcpStream) -> io::Result<()> {
    let other = UnixStream::connect(SOCKET)?;
    other.set_read_timeout(Some(PATIENCE))?;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            io::copy(&mut &*stream, &mut &other).ok();
            other.shutdown(Shutdown::Write).ok();
        });
        io::copy(&mut &other, &mut &*stream).ok();
        stream.shutdown(Shutdown::Both).ok();
    });
    Ok(())
}
