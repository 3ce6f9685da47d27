//! Addresses that people name, such as push endpoints and webhooks: they must not lead inside the network of
//! the house (C6.3).
//!
//! A name is looked up by the client's own resolver, and the connection is made to the very addresses that were
//! judged there. So a name that shows another address a moment later leads nowhere, and neither does one
//! that shows a public address beside a private one. Redirects are not followed, proxies of the environment
//! are not asked.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::channel::call;

/// How long looking up a name may take.
const LOOK_UP: Duration = Duration::from_secs(5);

/// Why an address may not be called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Forbidden {
    /// Not `https`, or with a name and password in it.
    Form,
    /// It leads inside.
    Inside,
    /// The name leads nowhere at the moment.
    Unknown,
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "An https address without a user name is expected.",
            Self::Inside => "This address leads into a private network.",
            Self::Unknown => "The name in this address is not known.",
        })
    }
}

impl Error for Forbidden {}

/// Looks names up.
#[async_trait::async_trait]
pub trait Names: Send + Sync {
    /// The addresses of a name; none when it has none.
    async fn look_up(&self, name: &str) -> Vec<IpAddr>;
}

/// The names that the machine knows.
struct System;

#[async_trait::async_trait]
impl Names for System {
    async fn look_up(&self, name: &str) -> Vec<IpAddr> {
        match tokio::time::timeout(LOOK_UP, tokio::net::lookup_host((name, 0))).await {
            Ok(Ok(found)) => found.map(|address| address.ip()).collect(),
            _ => Vec::new(),
        }
    }
}

/// Judges addresses, and makes clients that judge at every connection.
#[derive(Clone)]
pub struct Guard {
    allow_loopback: bool,
    names: Arc<dyn Names>,
}

impl Guard {
    /// Lets nothing but public addresses through; with `allow_loopback` also this machine's own, over plain
    /// HTTP too, for trying things out.
    pub fn new(allow_loopback: bool) -> Self {
        Self::over(allow_loopback, Arc::new(System))
    }

    /// As [`Guard::new`] with other names.
    pub fn over(allow_loopback: bool, names: Arc<dyn Names>) -> Self {
        Self {
            allow_loopback,
            names,
        }
    }

    /// Reads what somebody typed as an address that may be called.
    ///
    /// # Errors
    /// Why it may not.
    pub async fn check_text(&self, typed: &str) -> Result<Url, Forbidden> {
        let url = Url::parse(typed).map_err(|_| Forbidden::Form)?;
        self.check(&url).await?;
        Ok(url)
    }

    /// Whether this may be called, by its form and by where its name leads at the moment.
    ///
    /// # Errors
    /// Why it may not.
    pub async fn check(&self, url: &Url) -> Result<(), Forbidden> {
        self.check_form(url)?;
        match url.host() {
            Some(Host::Domain(name)) => self.look_up(name).await.map(drop),
            _ => Ok(()),
        }
    }

    /// Whether this may be called as far as can be told without looking its name up. What is an address and
    /// not a name is never looked up, so it must be judged before every call.
    ///
    /// # Errors
    /// Why it may not.
    pub fn check_form(&self, url: &Url) -> Result<(), Forbidden> {
        let own = match url.host().ok_or(Forbidden::Form)? {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(address) => self.judge(address.into())?.is_loopback(),
            Host::Ipv6(address) => self.judge(address.into())?.is_loopback(),
        };
        let secure = match url.scheme() {
            "https" => true,
            "http" => own && self.allow_loopback,
            _ => false,
        };
        let anonymous = url.username().is_empty() && url.password().is_none();
        (secure && anonymous).then_some(()).ok_or(Forbidden::Form)
    }

    /// A client for such addresses: each name is looked up and judged as it connects.
    ///
    /// # Errors
    /// When no client can be made on this machine.
    pub fn client(&self, answer: Duration) -> reqwest::Result<reqwest::Client> {
        call::builder()
            .dns_resolver(self.clone())
            .no_proxy()
            .connect_timeout(answer / 2)
            .timeout(answer)
            .pool_idle_timeout(Duration::from_secs(60))
            .build()
    }

    async fn look_up(&self, name: &str) -> Result<Vec<IpAddr>, Forbidden> {
        let found = self.names.look_up(name).await;
        if found.is_empty() {
            return Err(Forbidden::Unknown);
        }
        found.into_iter().map(|ip| self.judge(ip)).collect()
    }

    fn judge(&self, address: IpAddr) -> Result<IpAddr, Forbidden> {
        let allowed = is_public(address) || (self.allow_loopback && address.is_loopback());
        allowed.then_some(address).ok_or(Forbidden::Inside)
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let found = guard.look_up(name.as_str()).await?;
            // The port is the one of the URL.
            let found = found.into_iter().map(|ip| SocketAddr::new(ip, 0));
            Ok(Box::new(found) as Addrs)
        })
    }
}

/// Whether a failed call was stopped here, before anything was connected to.
pub fn forbidden(error: &reqwest::Error) -> Option<Forbidden> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(forbidden) = error.downcast_ref::<Forbidden>() {
            return Some(*forbidden);
        }
        cause = error.source();
    }
    None
}

/// Whether an address is one of the public network. Everything that has another use is not, by the registries
/// of special addresses (RFC 6890 and later).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !matches!(
        (a, b, c),
        (0 | 10 | 127, ..)
            // Shared by carriers.
            | (100, 64..=127, _)
            // Link-local, where clouds keep their metadata.
            | (169, 254, _)
            | (172, 16..=31, _)
            // Protocol assignments, documentation, the retired way to 6to4.
            | (192, 0, 0 | 2) | (192, 88, 99)
            | (192, 168, _)
            // Benchmarks and documentation.
            | (198, 18 | 19, _) | (198, 51, 100) | (203, 0, 113)
            // Multicast, reserved, broadcast.
            | (224.., ..)
    )
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    match segments {
        // A network without IPv4 reaches it under this prefix (RFC 6052).
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let [[a, b], [c, d]] = [high.to_be_bytes(), low.to_be_bytes()];
            is_public_v4(Ipv4Addr::new(a, b, c, d))
        }
        // Protocol assignments with their tunnels, documentation, 6to4.
        [0x2001, second, ..] if second < 0x200 || second == 0xdb8 => false,
        [0x2002, ..] => false,
        [0x3fff, second, ..] if second < 0x1000 => false,
        // Global unicast is this; mapped, link-local, unique local and multicast addresses are elsewhere.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests;
