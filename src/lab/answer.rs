//! What stubs say: who they are, and whom they see. One line proves which backend answered, through which balancer, and
//! whether the sender's address was kept.

use std::net::Ipv4Addr;

/// What a client sends; HAProxy in mode `http` takes it too.
pub(super) const REQUEST: &[u8] = b"GET /bake-lab HTTP/1.0\r\n\r\n";

/// Begins the line.
const WORD: &str = "bake-lab";

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// Who answers.
    pub(super) name: String,
    /// On which port.
    pub(super) port: u16,
    /// The sender's address as he sees it.
    pub(super) seen: Ipv4Addr,
}

impl Answer {
    /// The line.
    pub(super) fn line(&self) -> String {
        format!("{WORD} {} {} {}\n", self.name, self.port, self.seen)
    }

    /// The same as an answer to an HTTP request.
    pub(super) fn response(&self) -> String {
        let line = self.line();
        format!("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{line}", line.len())
    }

    /// The answer in what was received, once all of it is there.
    pub(super) fn find(received: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(received).ok()?;
        let whole = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
        whole.filter_map(|line| line.strip_prefix(WORD)?.strip_prefix(' ')).find_map(|rest| {
            let mut words = rest.split(' ');
            let (name, port, seen) = (words.next()?, words.next()?, words.next()?);
            Some(Self { name: name.to_owned(), port: port.parse().ok()?, seen: seen.trim().parse().ok()? })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_found_once_it_is_whole() {
        let answer = Answer { name: "worker1".to_owned(), port: 80, seen: Ipv4Addr::new(192, 168, 0, 30) };
        let response = answer.response();
        assert_eq!(Answer::find(response.as_bytes()), Some(answer));
        assert_eq!(Answer::find(&response.as_bytes()[..response.len() - 1]), None);
        assert_eq!(Answer::find(b"HTTP/1.0 503 Service Unavailable\r\n\r\n"), None);
    }
}
