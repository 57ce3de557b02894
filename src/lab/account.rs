//! Whom a unit without a container runs its daemon as: what systemd.exec(5) says of users and capabilities, and the command of
//! setpriv(1) that does it. Pure.

use super::unit::words;

/// What a unit says about it.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Account {
    /// `User=`: a name or a number; root if absent.
    pub user: Option<String>,
    /// `Group=`; the user's own if absent.
    pub group: Option<String>,
    /// `AmbientCapabilities=`, in lower case without `cap_`.
    pub ambient: Vec<String>,
    /// `CapabilityBoundingSet=` as setpriv(1) writes it, where the unit says something.
    pub bounding: Option<String>,
}

impl Account {
    /// Takes in an entry of `[Service]`; an empty one takes back what was said before.
    pub(super) fn entry(&mut self, key: &str, value: &str, unit: &str) {
        let given = || (!value.is_empty()).then(|| value.to_owned());
        match key {
            "User" => self.user = given(),
            "Group" => self.group = given(),
            "AmbientCapabilities" if value.is_empty() => self.ambient.clear(),
            "AmbientCapabilities" => self.ambient.extend(words(value, unit).iter().map(|name| capability(name))),
            "CapabilityBoundingSet" => {
                let (taken, names) = value.strip_prefix('~').map_or((false, value), |names| (true, names));
                if names.is_empty() {
                    self.bounding = (!taken).then(|| "-all".to_owned());
                    return;
                }
                let sign = if taken { '-' } else { '+' };
                let named = words(names, unit).into_iter().map(|name| format!("{sign}{}", capability(&name)));
                // One after the other adds to what there is; the first that keeps some takes all others away.
                let before = self.bounding.clone().or_else(|| (!taken).then(|| "-all".to_owned()));
                self.bounding = Some(before.into_iter().chain(named).collect::<Vec<_>>().join(","));
            }
            _ => {}
        }
    }

    /// The words before the command; none where it runs as root with everything. `passwd` is what passwd(5) describes.
    ///
    /// # Errors
    /// A user whom nobody knows.
    pub(super) fn command(&self, passwd: &str) -> Result<Vec<String>, String> {
        if *self == Self::default() {
            return Ok(Vec::new());
        }
        let mut found = vec!["setpriv".to_owned()];
        if let Some(user) = &self.user {
            let fields = |line: &str| line.split(':').map(str::to_owned).collect::<Vec<_>>();
            let mut known = passwd.lines().map(fields).filter(|fields| fields.len() > 3);
            let known = known.find(|fields| fields[0] == *user || fields[2] == *user);
            let number =
                user.parse::<u32>().is_ok().then(|| vec![String::new(), String::new(), user.clone(), user.clone()]);
            let known = known.or(number).ok_or_else(|| format!("there is no user `{}`", user.escape_debug()))?;
            found.push(format!("--reuid={}", known[2]));
            found.push(format!("--regid={}", self.group.as_ref().unwrap_or(&known[3])));
            found.push(if known[0].is_empty() { "--clear-groups" } else { "--init-groups" }.to_owned());
        } else if let Some(group) = &self.group {
            found.extend([format!("--regid={group}"), "--clear-groups".to_owned()]);
        }
        if !self.ambient.is_empty() {
            let names: Vec<String> = self.ambient.iter().map(|name| format!("+{name}")).collect();
            let names = names.join(",");
            found.extend([format!("--inh-caps={names}"), format!("--ambient-caps={names}")]);
        }
        found.extend(self.bounding.iter().map(|names| format!("--bounding-set={names}")));
        found.push("--".to_owned());
        Ok(found)
    }
}

/// The name of a capability in lower case without `cap_`.
pub(super) fn capability(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    lower.strip_prefix("cap_").map_or_else(|| lower.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nhaproxy:x:105:108::/var/lib/haproxy:/usr/sbin/nologin\n";

    fn command(entries: &[(&str, &str)]) -> Result<String, String> {
        let mut account = Account::default();
        for (key, value) in entries {
            account.entry(key, value, "haproxy");
        }
        account.command(PASSWD).map(|words| words.join(" "))
    }

    #[test]
    fn a_unit_says_whom_it_runs_as() {
        for (entries, words) in [
            (&[][..], Ok("")),
            (&[("User", "haproxy")], Ok("setpriv --reuid=105 --regid=108 --init-groups --")),
            (&[("User", "haproxy"), ("User", "")], Ok("")),
            (&[("User", "105"), ("Group", "daemon")], Ok("setpriv --reuid=105 --regid=daemon --init-groups --")),
            (&[("User", "4000")], Ok("setpriv --reuid=4000 --regid=4000 --clear-groups --")),
            (&[("User", "nobody-knows")], Err("there is no user `nobody-knows`")),
            (
                &[("AmbientCapabilities", "CAP_NET_BIND_SERVICE CAP_NET_RAW")],
                Ok("setpriv --inh-caps=+net_bind_service,+net_raw --ambient-caps=+net_bind_service,+net_raw --"),
            ),
            (
                &[("CapabilityBoundingSet", "CAP_NET_ADMIN"), ("CapabilityBoundingSet", "CAP_NET_RAW")],
                Ok("setpriv --bounding-set=-all,+net_admin,+net_raw --"),
            ),
            (&[("CapabilityBoundingSet", "~CAP_SYS_ADMIN")], Ok("setpriv --bounding-set=-sys_admin --")),
            (
                &[("CapabilityBoundingSet", "CAP_CHOWN"), ("CapabilityBoundingSet", "")],
                Ok("setpriv --bounding-set=-all --"),
            ),
            (&[("CapabilityBoundingSet", "CAP_CHOWN"), ("CapabilityBoundingSet", "~")], Ok("")),
        ] {
            assert_eq!(command(entries), words.map(str::to_owned).map_err(str::to_owned), "{entries:?}");
        }
    }
}
