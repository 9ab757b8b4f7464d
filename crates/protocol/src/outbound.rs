//! The one HTTP client that calls others: what clients and administrators name by URL is fetched and told here only.
//!
//! Whoever can name a URL could make this server call its own neighbours (server-side request forgery). So no redirect
//! is followed, and a name is resolved once, its addresses are checked, and one of those is called.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, ClientBuilder, RequestBuilder, Url};
use tokio::sync::Semaphore;

/// Calls at once.
const CALLS: usize = 32;
/// Calls that may wait for their turn.
const WAITING: usize = 4096;
/// A call that has waited so long is not made any more.
const PATIENCE: Duration = Duration::from_secs(60);
/// For the connection, TLS included.
const CONNECT: Duration = Duration::from_secs(2);
/// For a call as a whole.
const TOTAL: Duration = Duration::from_secs(5);
/// Of an answer; key sets are some kilobytes.
const MAX_BODY: usize = 256 * 1024;

/// Calls others, within bounds of time, size and number.
pub struct Outbound {
    client: OnceLock<Result<Client, String>>,
    allow_private: bool,
    calls: Semaphore,
    places: Semaphore,
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status; redirects are answers like others.
    pub status: u16,
    /// The body, 256 KiB at most.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL is none that is called.
    #[error("the URL is not one of http:// or https:// without a user name")]
    Url,
    /// The host is within our own network.
    #[error("the host is in a private network; outbound.allow_private = true lets it be called")]
    Private,
    /// Too many calls wait already.
    #[error("too many calls are under way")]
    Busy,
    /// The answer is too long.
    #[error("the answer is longer than {MAX_BODY} bytes")]
    TooLong,
    /// No connection, no TLS, no answer in time.
    #[error("{0}")]
    Failed(String),
}

impl Outbound {
    /// With `allow_private` hosts of private networks are called, too.
    #[must_use]
    pub fn new(allow_private: bool) -> Self {
        Self {
            client: OnceLock::new(),
            allow_private,
            calls: Semaphore::new(CALLS),
            places: Semaphore::new(CALLS + WAITING),
        }
    }

    /// Fetches what is there.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn get(&self, url: &str) -> Result<Answer, Error> {
        let url = self.checked(url)?;
        self.send(self.client()?.get(url)).await
    }

    /// Sends a form.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn post(&self, url: &str, form: &[(&str, &str)]) -> Result<Answer, Error> {
        let url = self.checked(url)?;
        self.send(self.client()?.post(url).form(form)).await
    }

    async fn send(&self, request: RequestBuilder) -> Result<Answer, Error> {
        let _place = self.places.try_acquire().map_err(|_| Error::Busy)?;
        let turn = tokio::time::timeout(PATIENCE, self.calls.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(Error::Busy);
        };
        let mut response = request.send().await.map_err(failed)?;
        let mut answer = Answer {
            status: response.status().as_u16(),
            body: Vec::new(),
        };
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if answer.body.len() + chunk.len() > MAX_BODY {
                return Err(Error::TooLong);
            }
            answer.body.extend_from_slice(&chunk);
        }
        Ok(answer)
    }

    /// An address in the URL itself is never resolved, so it is judged here.
    fn checked(&self, url: &str) -> Result<Url, Error> {
        let url = Url::parse(url).map_err(|_| Error::Url)?;
        let host = url.host_str().unwrap_or_default();
        if !["http", "https"].contains(&url.scheme())
            || host.is_empty()
            || !url.username().is_empty()
            || url.password().is_some()
        {
            return Err(Error::Url);
        }
        match host.trim_matches(['[', ']']).parse() {
            Ok(ip) if !self.allow_private && is_private(ip) => Err(Error::Private),
            _ => Ok(url),
        }
    }

    fn client(&self) -> Result<&Client, Error> {
        let made = self.client.get_or_init(|| {
            let resolver = Arc::new(Checked {
                allow_private: self.allow_private,
            });
            let builder = || {
                Client::builder()
                    .redirect(reqwest::redirect::Policy::none())
                    .no_proxy()
                    .dns_resolver(Arc::clone(&resolver))
                    .connect_timeout(CONNECT)
                    .timeout(TOTAL)
                    .pool_max_idle_per_host(2)
                    .user_agent("realmkeep")
            };
            builder()
                .build()
                .or_else(|_| with_own_roots(builder()).build())
                .map_err(|error| error.to_string())
        });
        made.as_ref().map_err(|error| Error::Failed(error.clone()))
    }
}

/// Where the system has no certificates of authorities, as in an empty image, those of the web count.
pub fn with_own_roots(builder: ClientBuilder) -> ClientBuilder {
    let roots = webpki_roots::TLS_SERVER_ROOTS.to_vec();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    match rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
    {
        Ok(config) => builder.tls_backend_preconfigured(
            config
                .with_root_certificates(rustls::RootCertStore { roots })
                .with_no_client_auth(),
        ),
        Err(_) => builder,
    }
}

/// The whole chain: the last of it says what is wrong.
fn failed(error: reqwest::Error) -> Error {
    let mut source: Option<&dyn std::error::Error> = Some(&error);
    while let Some(found) = source {
        if found.downcast_ref::<Forbidden>().is_some() {
            return Error::Private;
        }
        source = found.source();
    }
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    Error::Failed(text)
}

/// Resolves names to addresses that may be called.
struct Checked {
    allow_private: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("all addresses of the host are private")]
struct Forbidden;

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found
                .filter(|address| allow_private || !is_private(address.ip()))
                .collect();
            if allowed.is_empty() {
                return Err(Forbidden.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is not one of the public internet (IANA's special-purpose registries).
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_private_v4(ip),
        IpAddr::V6(ip) => is_private_v6(ip),
    }
}

fn is_private_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation()
        || a == 0
        || a >= 224
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19))
}

fn is_private_v6(ip: Ipv6Addr) -> bool {
    let [a, b, c, d, ..] = ip.segments();
    let [.., w, x, y, z] = ip.octets();
    // Ways of writing an IPv4 address: mapped, compatible (`::` and `::1` with it), NAT64, 6to4.
    if [a, b, c, d] == [0; 4] || (a == 0x64 && b == 0xff9b) {
        return (a == 0x64 && c != 0)
            || is_private_v4(Ipv4Addr::new(w, x, y, z))
            || (a == 0 && ip.to_ipv4_mapped().is_none());
    }
    if a == 0x2002 {
        let [b1, b0] = b.to_be_bytes();
        let [c1, c0] = c.to_be_bytes();
        return is_private_v4(Ipv4Addr::new(b1, b0, c1, c0));
    }
    // Of the rest 2000::/3 is in use; 2001::/23 is for protocols, 2001:db8::/32 and 3fff::/20 for documents.
    a & 0xe000 != 0x2000
        || (a == 0x2001 && (b < 0x200 || b == 0xdb8))
        || (a == 0x3fff && b < 0x1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_public_internet_are_public() {
        for private in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(is_private(private.parse().unwrap()), "{private}");
        }
        for public in [
            "1.1.1.1",
            "100.128.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2002:808:808::",
            "2606:4700::1111",
            "2a00:1450::1",
        ] {
            assert!(!is_private(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn an_address_in_a_url_is_judged_however_it_is_written() {
        let outbound = Outbound::new(false);
        for private in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://017700000001/",
            "http://[::1]:80/",
            "http://[::ffff:169.254.169.254]/",
            "http://0/",
            "http://①②⑦.0.0.1/",
        ] {
            let error = outbound.checked(private).unwrap_err();
            assert!(matches!(error, Error::Private), "{private}: {error}");
        }
        for odd in [
            "",
            "x",
            "/x",
            "file:///etc/passwd",
            "ftp://a.org/",
            "http://",
            "http://u@a.org/",
            "http://:p@a.org/",
        ] {
            let error = outbound.checked(odd).unwrap_err();
            assert!(matches!(error, Error::Url), "{odd}: {error}");
        }
        assert!(outbound.checked("https://a.org/x").is_ok());
        assert!(Outbound::new(true).checked("http://127.0.0.1/").is_ok());
    }
}
