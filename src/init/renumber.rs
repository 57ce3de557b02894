//! Another network for a project: every address in the old one gets its counterpart in the new one.

use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

/// `text` with the network `old`, and every address in it, replaced. The error names an address that `new` has no room
/// for.
pub(super) fn renumber(text: &str, old: Ipv4Net, new: Ipv4Net) -> Result<String, Ipv4Addr> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = ' ';
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        before = rest[..start].chars().next_back().unwrap_or(before);
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '.')).unwrap_or(rest.len());
        // A full stop may end the sentence.
        let word = rest[..end].trim_end_matches('.');
        let prefix = rest[word.len()..].strip_prefix('/').map(|rest| {
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            &rest[..end]
        });
        let inside = word.parse::<Ipv4Addr>().ok().filter(|address| old.contains(address));
        let whole = !(before.is_alphanumeric() || before == '.' || before == ':');
        match (inside.filter(|_| whole), prefix.filter(|prefix| !prefix.is_empty())) {
            (Some(address), Some(prefix)) if address == old.network() && prefix == old.prefix_len().to_string() => {
                out.push_str(&new.to_string());
                rest = &rest[word.len() + 1 + prefix.len()..];
            }
            (Some(address), None) => {
                out.push_str(&counterpart(address, old, new).ok_or(address)?.to_string());
                rest = &rest[word.len()..];
            }
            _ => {
                out.push_str(word);
                rest = &rest[word.len()..];
            }
        }
        before = out.chars().next_back().unwrap_or(' ');
    }
    out.push_str(rest);
    Ok(out)
}

/// The address as far into `new` as it is into `old`.
fn counterpart(address: Ipv4Addr, old: Ipv4Net, new: Ipv4Net) -> Option<Ipv4Addr> {
    let offset = u32::from(address) - u32::from(old.network());
    let found = Ipv4Addr::from(u32::from(new.network()).checked_add(offset)?);
    let room = new.contains(&found) && (offset == 0 || found != new.broadcast());
    room.then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_keep_their_place() {
        let (old, new): (Ipv4Net, Ipv4Net) = ("192.168.0.0/24".parse().unwrap(), "10.1.0.0/16".parse().unwrap());
        let text = "cidr: 192.168.0.0/24 # and 192.168.0.40, https://192.168.0.55:6443; 192.168.0.1.\n\
                    not 192.168.1.1, 192.168.0.0/16, 1192.168.0.3, v192.168.0.3, 192.168.0.3.4 or \"52:54:00:19:21:68\" 24/7";
        let expected = "cidr: 10.1.0.0/16 # and 10.1.0.40, https://10.1.0.55:6443; 10.1.0.1.\n\
                        not 192.168.1.1, 192.168.0.0/16, 1192.168.0.3, v192.168.0.3, 192.168.0.3.4 or \"52:54:00:19:21:68\" 24/7";
        assert_eq!(renumber(text, old, new).unwrap(), expected);
        assert_eq!(renumber(expected, new, old).unwrap(), text);
        let small: Ipv4Net = "10.1.0.0/26".parse().unwrap();
        assert_eq!(renumber("192.168.0.40 192.168.0.200", old, small), Err(Ipv4Addr::new(192, 168, 0, 200)));
        assert_eq!(renumber("192.168.0.63", old, small), Err(Ipv4Addr::new(192, 168, 0, 63)));
    }
}
