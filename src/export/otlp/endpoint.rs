//! An `http:` URL, as far as a collector's address goes.

use super::settings::{DEFAULT_ENDPOINT, wrong};
use crate::export::exporter::StartError;
use std::net::Ipv6Addr;

const SETTING: &str = "otlp.endpoint";
const TRACES_PATH: &str = "/v1/traces";

/// Where to post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// A name or an address, without the brackets of IPv6.
    pub(super) host: String,
    pub(super) port: u16,
    /// Host and port as written, for the `host` header.
    pub(super) authority: String,
    /// Path and query, for the request line.
    pub(super) target: String,
}

impl Endpoint {
    /// Without a path, that of traces is appended; with one it is used as it is. A fragment is left out.
    pub(super) fn parse(url: &str) -> Result<Endpoint, StartError> {
        let no_url =
            |what: &str| wrong(SETTING, format!("{what}; give one like {DEFAULT_ENDPOINT}"));
        let url = url.trim();
        if !url.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(no_url("a URL has only ASCII characters, others are percent-encoded"));
        }
        let Some((scheme, rest)) = url.split_once("://") else { return Err(no_url("not a URL")) };
        if scheme.eq_ignore_ascii_case("https") {
            return Err(wrong(
                SETTING,
                "https is not supported; run an OpenTelemetry collector on this host, give its \
                 http://localhost:4318 here, and let it send on with TLS",
            ));
        }
        if !scheme.eq_ignore_ascii_case("http") {
            return Err(no_url("the scheme is not http"));
        }
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(wrong(
                SETTING,
                "credentials do not belong in the URL; give them as an authorization header",
            ));
        }
        let (host, port) = host_and_port(authority).ok_or_else(|| no_url("it names no host"))?;
        let (path, query) = target.split_at(target.find('?').unwrap_or(target.len()));
        let path = if matches!(path, "" | "/") { TRACES_PATH } else { path };
        Ok(Endpoint {
            host: host.to_owned(),
            port,
            authority: authority.to_owned(),
            target: format!("{path}{query}"),
        })
    }

    /// As it may be shown: without the query, which can hold a key.
    pub(super) fn shown(&self) -> String {
        let path = self.target.split('?').next().unwrap_or_default();
        format!("http://{}{path}", self.authority)
    }
}

fn host_and_port(authority: &str) -> Option<(&str, u16)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            host.parse::<Ipv6Addr>().ok()?;
            (host, port)
        }
        None => {
            let (host, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
            let named = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            if host.is_empty() || !host.bytes().all(named) {
                return None;
            }
            (host, port)
        }
    };
    match port {
        "" => Some((host, 80)),
        port => {
            let digits = port.strip_prefix(':')?;
            let only_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
            let port = digits.parse().ok().filter(|&port| only_digits && port > 0)?;
            Some((host, port))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> Result<(String, u16, String), String> {
        Endpoint::parse(url)
            .map(|endpoint| (endpoint.host, endpoint.port, endpoint.target))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_base_url_gets_the_path_of_traces_and_any_other_stays() {
        for (given, host, port, target) in [
            (DEFAULT_ENDPOINT, "localhost", 4318, "/v1/traces"),
            ("http://localhost:4318", "localhost", 4318, "/v1/traces"),
            (" HTTP://localhost:4318/ ", "localhost", 4318, "/v1/traces"),
            ("http://[::1]:9/?key=a", "::1", 9, "/v1/traces?key=a"),
            ("http://10.0.0.1?key=a", "10.0.0.1", 80, "/v1/traces?key=a"),
            (
                "http://my_collector-1.example/otlp/x?a=b#c",
                "my_collector-1.example",
                80,
                "/otlp/x?a=b",
            ),
        ] {
            assert_eq!(parsed(given), Ok((host.to_owned(), port, target.to_owned())), "{given}");
        }
        let endpoint = Endpoint::parse("http://[::1]:9/x?key=secret").unwrap();
        assert_eq!(
            (endpoint.shown().as_str(), endpoint.authority.as_str()),
            ("http://[::1]:9/x", "[::1]:9")
        );
    }

    #[test]
    fn an_endpoint_that_cannot_be_used_is_refused_with_the_way_out() {
        for (given, hint) in [
            ("", "give one like"),
            ("localhost:4318", "give one like"),
            ("/v1/traces", "give one like"),
            ("http://", "give one like"),
            ("http://:4318", "give one like"),
            ("http://a:99999", "give one like"),
            ("http://a:0", "give one like"),
            ("http://a:+1", "give one like"),
            ("http://[::1", "give one like"),
            ("http://[zz]", "give one like"),
            ("http://[::1]x", "give one like"),
            ("ftp://localhost", "give one like"),
            ("http://a b/", "percent-encoded"),
            ("http://a/\r\nx: y", "percent-encoded"),
            ("http://bücher/", "percent-encoded"),
            ("https://collector:4318", "http://localhost:4318"),
            ("http://me:secret@collector", "authorization header"),
        ] {
            let message = parsed(given).unwrap_err();
            assert!(message.starts_with("otlp.endpoint: ") && message.contains(hint), "{message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }
}
