//! One echo request (RFC 792), and whether it is answered.

use super::failure::Failure;
use super::space::within;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, ipproto, recv, sendto, socket_with};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

const REQUEST: u8 = 8;
const REPLY: u8 = 0;

/// Whether `to` answers a ping from a namespace.
pub(super) fn ping(space: &str, to: Ipv4Addr, number: u16, patience: Duration) -> Result<bool, Failure> {
    within(space, || Ok(echo(to, number, patience).unwrap_or(false)))
}

fn echo(to: Ipv4Addr, number: u16, patience: Duration) -> rustix::io::Result<bool> {
    let socket = socket_with(AddressFamily::INET, SocketType::RAW, SocketFlags::CLOEXEC, Some(ipproto::ICMP))?;
    let begin = Instant::now();
    for sequence in 0..2_u16 {
        sendto(&socket, &request(number, sequence), SendFlags::empty(), &SocketAddrV4::new(to, 0))?;
        let until = patience * (u32::from(sequence) + 1) / 2;
        while begin.elapsed() < until {
            let rest = until.saturating_sub(begin.elapsed());
            let rest = Timespec { tv_sec: 0, tv_nsec: i64::from(rest.subsec_nanos()) };
            if poll(&mut [PollFd::new(&socket, PollFlags::IN)], Some(&rest))? == 0 {
                break;
            }
            let mut buffer = [0; 256];
            let (_, count) = recv(&socket, &mut buffer, RecvFlags::empty())?;
            if answers(&buffer[..count], to, number) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn request(number: u16, sequence: u16) -> [u8; 8] {
    let mut packet = [REQUEST, 0, 0, 0, 0, 0, 0, 0];
    packet[4..6].copy_from_slice(&number.to_be_bytes());
    packet[6..8].copy_from_slice(&sequence.to_be_bytes());
    let sum = checksum(&packet);
    packet[2..4].copy_from_slice(&sum.to_be_bytes());
    packet
}

/// The Internet checksum (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)));
    let sum: u32 = words.sum();
    let folded = (sum & 0xFFFF) + (sum >> 16);
    let folded = (folded & 0xFFFF) + (folded >> 16);
    !u16::try_from(folded).unwrap_or(u16::MAX)
}

/// Whether a packet, header included, is the reply.
fn answers(packet: &[u8], from: Ipv4Addr, number: u16) -> bool {
    let length = packet.first().map_or(0, |first| usize::from(first & 0x0F) * 4);
    let own = packet.get(12..16).is_some_and(|source| source == from.octets());
    let reply = packet.get(length..length + 6);
    own && reply.is_some_and(|reply| reply[0] == REPLY && reply[4..6] == number.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_makes_the_sum_zero() {
        let packet = request(0x1234, 1);
        assert_eq!(checksum(&packet), 0);
    }
}
