//! What a request finds around it: the server's parts, its realm, and the URL by which it was called.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::http::header::{self, HeaderMap};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, dev::Payload, web};
use realm::{Realm, SslRequired};

use crate::{HttpError, State};

/// How the outside calls this server.
#[derive(Clone, Debug, Default)]
pub struct Web {
    /// The fixed public URL without a slash at its end, else the `Host` header counts. Keycloak's `hostname`.
    pub hostname: Option<String>,
    /// The fixed public host where only that is fixed; scheme and port are the caller's.
    pub host_only: Option<String>,
    /// Path below which everything is served, `""` or `/…`. Keycloak's `http-relative-path`.
    pub relative_path: String,
    /// Which headers of a proxy count. Keycloak's `proxy-headers`.
    pub proxy_headers: ProxyHeaders,
    /// The proxies whose headers count. Keycloak's `proxy-trusted-addresses`; empty: every peer, once headers are on.
    pub trusted_proxies: Vec<(IpAddr, u8)>,
}

/// Which headers of a proxy count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProxyHeaders {
    /// None: the connection itself counts.
    #[default]
    None,
    /// `X-Forwarded-For`, `-Proto`, `-Host`, `-Port`.
    XForwarded,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// The path prefix that the mount point of a request adds to the base URL; see decision D23 in the documentation.
#[derive(Clone, Copy)]
pub struct Prefix(pub &'static str);

/// A request, seen from outside: who sent it and which URL they called.
#[derive(Clone)]
pub struct Request {
    /// The server's parts.
    pub state: web::Data<State>,
    /// `scheme://host[:port][/path]`, the URL below which realms lie, as the caller sees it.
    pub base: String,
    /// Whether the caller's connection is encrypted.
    pub secure: bool,
    /// The caller's address.
    pub ip: IpAddr,
}

impl Request {
    fn read(request: &HttpRequest) -> Result<Self, HttpError> {
        let state = request
            .app_data::<web::Data<State>>()
            .cloned()
            .ok_or_else(|| HttpError::internal("no state at this route"))?;
        let web = &state.web;
        let peer = request
            .peer_addr()
            .map_or(IpAddr::from([127, 0, 0, 1]), |peer| {
                peer.ip().to_canonical()
            });
        let told = if web.trusts(peer) {
            Told::read(web.proxy_headers, request.headers())
        } else {
            Told::default()
        };
        let secure = told
            .proto
            .as_deref()
            .map_or_else(|| request.app_config().secure(), |proto| proto == "https");
        let scheme = if secure { "https" } else { "http" };
        let called = told.host.or_else(|| {
            let host = request
                .headers()
                .get(header::HOST)
                .and_then(|host| host.to_str().ok());
            host.or_else(|| request.uri().authority().map(|a| a.as_str()))
                .map(str::to_owned)
        });
        let prefix = request.app_data::<Prefix>().map_or("", |prefix| prefix.0);
        let base = match (&web.hostname, &web.host_only) {
            (Some(url), _) => format!("{url}{prefix}"),
            (None, Some(host)) => {
                let port = called
                    .as_deref()
                    .and_then(port_of)
                    .map(|port| format!(":{port}"))
                    .unwrap_or_default();
                format!("{scheme}://{host}{port}{}{prefix}", web.relative_path)
            }
            (None, None) => {
                let host = called
                    .filter(|host| host_is_plain(host))
                    .ok_or_else(|| HttpError::plain(400, "Invalid Host header"))?;
                format!("{scheme}://{host}{}{prefix}", web.relative_path)
            }
        };
        let ip = told.ip.unwrap_or(peer);
        Ok(Self {
            state,
            base,
            secure,
            ip,
        })
    }

    /// Whether a realm takes requests that come like this one.
    #[must_use]
    pub fn encrypted_enough(&self, realm: &Realm) -> bool {
        self.secure
            || match realm.settings.ssl_required {
                SslRequired::None => true,
                SslRequired::External => is_local(self.ip),
                SslRequired::All => false,
            }
    }

    /// The issuer of a realm's tokens as this caller knows it.
    #[must_use]
    pub fn issuer(&self, realm: &str) -> String {
        format!("{}/realms/{}", self.base, encode_segment(realm))
    }
}

impl FromRequest for Request {
    type Error = HttpError;
    type Future = std::future::Ready<Result<Self, HttpError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        std::future::ready(Self::read(request))
    }
}

/// The realm of a request below `/realms/{realm}`, with the request itself.
///
/// It is an extractor, so no handler runs without the check. Errors: 404 `{"error":"Realm does not exist"}`.
/// Whether the realm is enabled and wants TLS is for the protocol to say, each in its own words.
#[derive(Clone)]
pub struct RealmContext {
    /// The realm.
    pub realm: Arc<Realm>,
    /// The request.
    pub request: Request,
}

impl RealmContext {
    /// The issuer of this realm's tokens as this caller knows it.
    #[must_use]
    pub fn issuer(&self) -> String {
        self.request.issuer(&self.realm.name)
    }

    /// The server's parts.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.request.state
    }
}

impl FromRequest for RealmContext {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, HttpError>>>>;

    fn from_request(http: &HttpRequest, _: &mut Payload) -> Self::Future {
        let cached = http.extensions().get::<Self>().cloned();
        let request = Request::read(http);
        let name = decode_segment(http.match_info().get("realm").unwrap_or_default());
        Box::pin(async move {
            if let Some(cached) = cached {
                return Ok(cached);
            }
            let request = request?;
            let gone = || HttpError::plain(404, "Realm does not exist");
            let realm = request
                .state
                .realms
                .get(&name.ok_or_else(gone)?)
                .await?
                .ok_or_else(gone)?;
            Ok(Self { realm, request })
        })
    }
}

impl Web {
    fn trusts(&self, peer: IpAddr) -> bool {
        self.proxy_headers != ProxyHeaders::None
            && (self.trusted_proxies.is_empty()
                || self
                    .trusted_proxies
                    .iter()
                    .any(|(net, bits)| within(peer, *net, *bits)))
    }
}

/// What a trusted proxy told.
#[derive(Default)]
struct Told {
    ip: Option<IpAddr>,
    proto: Option<String>,
    host: Option<String>,
}

impl Told {
    fn read(kind: ProxyHeaders, headers: &HeaderMap) -> Self {
        let first = |name: &str| {
            let value = headers.get(name)?.to_str().ok()?;
            Some(value.split(',').next()?.trim().to_owned()).filter(|v| !v.is_empty())
        };
        match kind {
            ProxyHeaders::None => Self::default(),
            ProxyHeaders::XForwarded => {
                let port = first("x-forwarded-port")
                    .filter(|p| p.parse::<u16>().is_ok() && p != "443" && p != "80");
                let host = first("x-forwarded-host").map(|host| match &port {
                    Some(port) if port_of(&host).is_none() => format!("{host}:{port}"),
                    _ => host,
                });
                Self {
                    ip: first("x-forwarded-for").and_then(|ip| parse_ip(&ip)),
                    proto: first("x-forwarded-proto").map(|proto| proto.to_ascii_lowercase()),
                    host: host.filter(|host| host_is_plain(host)),
                }
            }
            ProxyHeaders::Forwarded => {
                let mut told = Self::default();
                for pair in first("forwarded").unwrap_or_default().split(';') {
                    let Some((name, value)) = pair.split_once('=') else {
                        continue;
                    };
                    let value = value.trim().trim_matches('"').to_owned();
                    match name.trim().to_ascii_lowercase().as_str() {
                        "for" => told.ip = parse_ip(&value),
                        "proto" => told.proto = Some(value.to_ascii_lowercase()),
                        "host" => told.host = Some(value).filter(|host| host_is_plain(host)),
                        _ => {}
                    }
                }
                told
            }
        }
    }
}

fn parse_ip(text: &str) -> Option<IpAddr> {
    text.parse()
        .ok()
        .or_else(|| text.parse::<std::net::SocketAddr>().ok().map(|a| a.ip()))
        .or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
}

fn port_of(host: &str) -> Option<&str> {
    let after = host.rsplit_once(']').map_or(host, |(_, after)| after);
    after
        .rsplit_once(':')
        .map(|(_, port)| port)
        .filter(|port| !port.is_empty())
}

/// A host that cannot break out of the URL it is put into.
fn host_is_plain(host: &str) -> bool {
    !host.is_empty()
        && host.len() <= 255
        && host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b))
}

fn within(ip: IpAddr, net: IpAddr, bits: u8) -> bool {
    let prefix = |bytes: &[u8], other: &[u8]| {
        (0..usize::from(bits)).all(|bit| {
            let mask = 0x80_u8 >> (bit % 8);
            bytes
                .get(bit / 8)
                .zip(other.get(bit / 8))
                .is_some_and(|(a, b)| a & mask == b & mask)
        })
    };
    match (ip, net) {
        (IpAddr::V4(ip), IpAddr::V4(net)) => prefix(&ip.octets(), &net.octets()),
        (IpAddr::V6(ip), IpAddr::V6(net)) => prefix(&ip.octets(), &net.octets()),
        _ => false,
    }
}

/// Private, loopback and link-local addresses, from which `sslRequired=external` takes plain HTTP.
pub(crate) fn is_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

/// Percent-encodes a name so that it is one path segment.
#[must_use]
pub fn encode_segment(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Decodes one path segment; none when it is not valid UTF-8 or a `%` stands alone.
#[must_use]
pub fn decode_segment(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |b: Option<u8>| char::from(b?).to_digit(16);
            let (high, low) = (digit(rest.next())?, digit(rest.next())?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_a_path_segment() {
        for name in ["r", "a b", "a/b", "ä%", "..", "a;b"] {
            assert_eq!(decode_segment(&encode_segment(name)).as_deref(), Some(name));
        }
        assert_eq!(decode_segment("%ff"), None);
        assert_eq!(decode_segment("%4"), None);
    }

    #[test]
    fn addresses_are_matched_against_networks() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(within(ip("10.1.2.3"), ip("10.0.0.0"), 8));
        assert!(!within(ip("11.1.2.3"), ip("10.0.0.0"), 8));
        assert!(within(ip("::1"), ip("::1"), 128));
        assert!(!within(ip("10.1.2.3"), ip("::1"), 0));
    }

    #[test]
    fn hosts_that_break_a_url_are_refused() {
        assert!(host_is_plain("localhost:8080") && host_is_plain("[::1]:80"));
        for host in ["", "a/b", "a@b", "a b", "a\r\nb", "a#b"] {
            assert!(!host_is_plain(host), "{host}");
        }
    }
}
