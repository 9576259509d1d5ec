//! The rules for `Host` and `Origin`.

use http::{HeaderMap, HeaderName, Request, StatusCode, uri::Authority};

use crate::{names, request_info::RequestInfo};

/// Which hosts are this server's where the platform does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hosts {
    /// The server listens on the loopback interface: only its names.
    Loopback,
    /// The server is reached by names it cannot know.
    Any,
}

/// The rules for `Host` and `Origin`.
#[derive(Debug)]
pub(crate) struct OriginPolicy {
    pub(crate) hosts: Hosts,
    pub(crate) allowed_hosts: Vec<String>,
    pub(crate) allowed_origins: Vec<String>,
}

type Refusal = (StatusCode, &'static str);

impl OriginPolicy {
    /// # Errors
    ///
    /// 400 for a header that is malformed or repeated, 403 for one that names a stranger.
    pub(crate) fn check<B>(&self, request: &Request<B>) -> Result<(), Refusal> {
        let host = single(request.headers(), &names::HOST, "the Host header is repeated or not text")?;
        let known = RequestInfo::of(request.extensions()).and_then(|info| info.host.as_deref());
        let host = match (host, known) {
            (Some(host), Some(known)) if host.eq_ignore_ascii_case(known) => Some(host),
            (Some(host), known) => {
                let authority = authority(host).ok_or((StatusCode::BAD_REQUEST, "the Host header is not a host"))?;
                if !self.is_own(&authority, known) {
                    return Err((StatusCode::FORBIDDEN, "the Host header names another server"));
                }
                Some(host)
            }
            (None, known) => known,
        };
        let origin = single(request.headers(), &names::ORIGIN, "the Origin header is repeated or not text")?;
        match origin {
            Some(origin) if !self.allows_origin(origin, host) => {
                Err((StatusCode::FORBIDDEN, "the Origin header names a site that may not use this server"))
            }
            _ => Ok(()),
        }
    }

    fn is_own(&self, authority: &Authority, known: Option<&str>) -> bool {
        if self
            .allowed_hosts
            .iter()
            .any(|host| host.eq_ignore_ascii_case(authority.as_str()) || host.eq_ignore_ascii_case(authority.host()))
        {
            return true;
        }
        match (known, self.hosts) {
            (Some(known), _) => authority.host().eq_ignore_ascii_case(known),
            (None, Hosts::Loopback) => is_loopback(authority.host()),
            (None, Hosts::Any) => self.allowed_hosts.is_empty(),
        }
    }

    fn allows_origin(&self, origin: &str, host: Option<&str>) -> bool {
        if self.allowed_origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)) {
            return true;
        }
        let Some(authority) = origin.split_once("://").and_then(|(_, rest)| authority(rest)) else {
            return false;
        };
        match self.hosts {
            Hosts::Loopback if is_loopback(authority.host()) => true,
            _ => host.is_some_and(|host| host.eq_ignore_ascii_case(authority.as_str())),
        }
    }
}

/// A host and perhaps a port (RFC 9110 §7.2); no user, and no port that is none.
fn authority(text: &str) -> Option<Authority> {
    let authority: Authority = text.parse().ok()?;
    let port = text.strip_prefix(authority.host())?;
    let is_port = |port: &str| port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    (port.is_empty() || is_port(port)).then_some(authority)
}

fn is_loopback(host: &str) -> bool {
    matches!(host, "127.0.0.1" | "[::1]") || host.eq_ignore_ascii_case("localhost")
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName, complaint: &'static str) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    match (names::text_of(value), values.next()) {
        (Some(value), None) => Ok(Some(value)),
        _ => Err((StatusCode::BAD_REQUEST, complaint)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{capabilities::Capabilities, request_info::RequestOrigin};

    fn status(hosts: Hosts, known: Option<&str>, headers: &[(&str, &str)]) -> u16 {
        let policy = OriginPolicy {
            hosts,
            allowed_hosts: vec!["tools.example".to_owned()],
            allowed_origins: vec!["https://app.example".to_owned()],
        };
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(()).unwrap();
        if known.is_some() {
            let mut info = RequestInfo::new(RequestOrigin::FunctionUrl, Capabilities::SOCKET);
            info.host = known.map(Into::into);
            request.extensions_mut().insert(info);
        }
        policy.check(&request).err().map_or(200, |(status, _)| status.as_u16())
    }

    #[test]
    fn a_loopback_server_answers_only_to_loopback_names() {
        for (host, expected) in [
            ("127.0.0.1:8080", 200),
            ("localhost", 200),
            ("[::1]:1", 200),
            ("evil.example:8080", 403),
            ("tools.example", 200),
        ] {
            assert_eq!(status(Hosts::Loopback, None, &[("host", host)]), expected, "{host}");
        }
    }

    #[test]
    fn rejects_a_host_that_is_no_host() {
        for host in ["a b", "a:99999", "%zz", "user@a", "a:b", ""] {
            assert_eq!(status(Hosts::Any, Some("a.example"), &[("host", host)]), 400, "{host}");
        }
    }

    #[test]
    fn a_host_must_be_the_one_the_platform_names() {
        assert_eq!(status(Hosts::Any, Some("x.on.aws"), &[("host", "X.on.aws")]), 200);
        assert_eq!(status(Hosts::Any, Some("x.on.aws"), &[("host", "y.on.aws")]), 403);
    }

    #[test]
    fn an_origin_must_be_the_server_itself_or_allowed() {
        let host = ("host", "x.on.aws");
        for (origin, expected) in [
            ("https://x.on.aws", 200),
            ("https://app.example", 200),
            ("https://evil.example", 403),
            ("null", 403),
            ("https://x.on.aws.evil.example", 403),
        ] {
            assert_eq!(status(Hosts::Any, Some("x.on.aws"), &[host, ("origin", origin)]), expected, "{origin}");
        }
        let two = [host, ("origin", "https://x.on.aws"), ("origin", "https://evil.example")];
        assert_eq!(status(Hosts::Any, Some("x.on.aws"), &two), 400);
    }
}
