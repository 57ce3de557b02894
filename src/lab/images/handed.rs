//! Archives on their way into the sandbox: descriptors over the socket that is the standard input of its first process
//! (unix(7), `SCM_RIGHTS`). Nothing of them has a name, so nothing stays when a process is killed.

use super::Wanted;
use crate::lab::confined;
use crate::lab::failure::Failure;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use std::fs::File;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

/// One descriptor in each message, with a byte that carries it.
const ROOM: usize = rustix::cmsg_space!(ScmRights(1));

fn failed(error: rustix::io::Errno) -> Failure {
    Failure::new(format!("cannot hand an image to the sandbox: {error}"))
}

/// Hands over the archives, in order.
pub(in crate::lab) fn hand(socket: &impl AsFd, wanted: &[Wanted]) -> Result<(), Failure> {
    for archive in wanted.iter().filter_map(|one| one.archive.as_ref()) {
        let mut room = [MaybeUninit::uninit(); ROOM];
        let mut control = SendAncillaryBuffer::new(&mut room);
        let own = [archive.as_fd()];
        control.push(SendAncillaryMessage::ScmRights(&own));
        sendmsg(socket, &[IoSlice::new(b"\n")], &mut control, SendFlags::NOSIGNAL).map_err(failed)?;
    }
    Ok(())
}

/// Takes them in, each for an image that is stored.
pub(in crate::lab) fn receive(socket: &impl AsFd, wanted: &mut [Wanted]) -> Result<(), Failure> {
    for one in wanted.iter_mut().filter(|one| one.stored.is_some()) {
        let mut room = [MaybeUninit::uninit(); ROOM];
        let mut control = RecvAncillaryBuffer::new(&mut room);
        let mut byte = [0];
        recvmsg(socket, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::CMSG_CLOEXEC).map_err(failed)?;
        let mut found: Vec<OwnedFd> = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(handed) = message {
                found.extend(handed);
            }
        }
        let archive = found.pop().ok_or_else(|| Failure::new("nobody hands in an image"))?;
        // Where others that have it read is their business.
        let own = File::open(confined::path(&archive)).map_err(Failure::io("open an image"))?;
        one.archive = Some(Arc::new(own));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Stored;
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;

    #[test]
    fn each_image_gets_its_own_archive() {
        let stored = || Stored { engine: "e".into(), id: "i".into(), layers: vec![] };
        let wanted = |archive: Option<&str>, there: bool| Wanted {
            reference: "r".into(),
            asked: vec![],
            stored: there.then(stored),
            archive: archive.map(|text| {
                let mut file = tempfile::tempfile().unwrap();
                file.write_all(text.as_bytes()).unwrap();
                Arc::new(file)
            }),
        };
        let (mut own, far) = UnixStream::pair().unwrap();
        hand(&own, &[wanted(Some("a"), true), wanted(None, false), wanted(Some("b"), true)]).unwrap();
        own.write_all(b"stay\n").unwrap();
        let mut received = [wanted(None, true), wanted(None, false), wanted(None, true)];
        receive(&far, &mut received).unwrap();
        let text = |at: usize| {
            let mut text = String::new();
            received[at].archive.as_deref().map(|mut file| file.read_to_string(&mut text).unwrap());
            text
        };
        assert_eq!((text(0), text(1), text(2)), ("a".to_owned(), String::new(), "b".to_owned()));
        // What follows is for somebody else.
        let mut rest = [0; 5];
        (&far).read_exact(&mut rest).unwrap();
        assert_eq!(&rest, b"stay\n");
    }
}
