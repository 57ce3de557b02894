//! Who logs in and how, in addresses: `https://user:password@host/` is a common way to fetch what others must not have.

/// What stands in its place.
const HIDDEN: &str = "<hidden>";

/// `text` without the user information of its URLs (RFC 3986, section 3.2.1). A name alone stays where it is no secret, as
/// in `ssh://git@host`; on the web it often is a token.
pub fn conceal(text: &str) -> String {
    let mut clean = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + "://".len());
        clean.push_str(before);
        rest = after;
        let scheme = before[..at].rsplit(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c)).next();
        let user = user(after);
        let web = matches!(scheme, Some("http" | "https" | "ftp" | "ftps"));
        if !user.is_empty() && (web || user.contains(':')) {
            clean.push_str(HIDDEN);
            rest = &after[user.len()..];
        }
    }
    clean.push_str(rest);
    clean
}

/// The user information that the rest of a URL begins with; empty without any.
pub fn user(rest: &str) -> &str {
    let end = rest.find(|c: char| c.is_whitespace() || "/?#\"'`<>|\\".contains(c)).unwrap_or(rest.len());
    rest[..end].rfind('@').map_or("", |at| &rest[..at])
}

#[cfg(test)]
mod tests {
    use super::conceal;

    #[test]
    fn hides_who_logs_in() {
        for (text, clean) in [
            ("https://me:hunter2@host.example/x.raw", "https://<hidden>@host.example/x.raw"),
            ("from `https://TOKEN@host/a` and http://b:c@d", "from `https://<hidden>@host/a` and http://<hidden>@d"),
            ("postgres://k3s:p@ss@10.0.0.1/k3s", "postgres://<hidden>@10.0.0.1/k3s"),
            ("ssh://git@host/repository", "ssh://git@host/repository"),
            ("https://host/a@b?c=d:e@f", "https://host/a@b?c=d:e@f"),
            ("see https://host and mail me@host", "see https://host and mail me@host"),
            ("https://me:ü@host://", "https://<hidden>@host://"),
            ("", ""),
        ] {
            assert_eq!(conceal(text), clean);
        }
    }
}
