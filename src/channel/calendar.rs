//! Calendars on servers of others: files at an address, and collections that speak CalDAV (C2.7).
//!
//! The addresses are typed by people, so every one goes through the guard, also those that a redirect or a CalDAV
//! server names. A credential is shown to the origin it was given for and to no other.

use std::time::Duration;

use anyhow::{Context, Result};
use async_trait::async_trait;
use belfry_actors::Clock;
use belfry_actors::importer::{Calendars, Fault, Fetched};
use belfry_domain::id::ImportId;
use belfry_store::import::Import;
use reqwest::Method;
use reqwest::header::{ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use url::Url;

use crate::channel::Guard;
use crate::seal::Seal;

/// Collections of a CalDAV server.
mod caldav;
/// What such a server answers.
pub(crate) mod multistatus;
/// Bounded calls that follow redirects with care.
mod web;

use web::Web;

/// How long one call may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where a calendar is and how one gets in.
#[derive(Clone, Serialize, Deserialize)]
pub struct Access {
    pub url: String,
    pub username: Option<String>,
    pub password: Option<String>,
}

impl Access {
    /// Seals it for one import.
    pub fn close(&self, seal: &Seal, id: ImportId) -> Option<Vec<u8>> {
        let text = serde_json::to_vec(self).ok()?;
        seal.close(id.uuid().as_bytes(), &text)
    }

    fn open(seal: &Seal, import: &Import) -> Option<Self> {
        let text = seal.open(import.id.uuid().as_bytes(), &import.sealed)?;
        serde_json::from_slice(&text).ok()
    }
}

/// The address as it is called: `webcal` is another word for a calendar file on the web.
///
/// # Errors
/// When it is none.
pub fn address(typed: &str) -> Result<Url, url::ParseError> {
    let typed = typed.trim();
    match typed.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("webcal") => {
            format!("https://{rest}").parse()
        }
        _ => typed.parse(),
    }
}

/// Fetches calendars over the web.
pub struct WebCalendars {
    web: Web,
    seal: Seal,
    clock: Arc<dyn Clock>,
}

impl WebCalendars {
    /// Calls what `guard` lets through, with what `seal` opens.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn new(guard: Guard, seal: Seal, clock: Arc<dyn Clock>) -> Result<Self> {
        let web = Web::new(guard, PATIENCE).context("calendars")?;
        Ok(Self { web, seal, clock })
    }

    /// Fetches a file, unless the server says that it is the one with `mark`.
    async fn file(&self, url: Url, access: &Access, mark: Option<&str>) -> Result<Fetched, Fault> {
        let conditions = mark.and_then(|mark| mark.split_once(' '));
        let headers = match conditions {
            Some(("etag", tag)) => vec![(IF_NONE_MATCH, tag.to_owned())],
            Some(("date", date)) => vec![(IF_MODIFIED_SINCE, date.to_owned())],
            _ => Vec::new(),
        };
        let answer = self
            .web
            .send(Method::GET, url, access, &headers, None)
            .await?;
        if answer.status == 304 && conditions.is_some() {
            return Ok(Fetched::Unchanged);
        }
        web::accept(answer.status)?;
        let header = |name| {
            let value = answer.headers.get(name)?.to_str().ok()?;
            (value.len() <= 200).then(|| value.to_owned())
        };
        let mark = header(ETAG).map(|tag| format!("etag {tag}"));
        let mark = mark.or_else(|| header(LAST_MODIFIED).map(|date| format!("date {date}")));
        Ok(Fetched::Text {
            text: answer.text(),
            mark,
            owner: None,
        })
    }
}

#[async_trait]
impl Calendars for WebCalendars {
    async fn fetch(&self, import: &Import) -> Result<Fetched, Fault> {
        let access = Access::open(&self.seal, import).ok_or(Fault("unreadable"))?;
        let url = address(&access.url).map_err(|_| Fault("forbidden_address"))?;
        // A rule without an end gives other dates each day, though nothing changes at the server.
        let today = self.clock.now().date_naive().to_string();
        let mark = import.mark.as_deref();
        let mark = mark.and_then(|mark| mark.strip_prefix(&today)?.strip_prefix(' '));
        let fetched = match import.kind.as_str() {
            "caldav" => caldav::fetch(&self.web, url, &access, mark, self.clock.now()).await?,
            _ => self.file(url, &access, mark).await?,
        };
        Ok(match fetched {
            Fetched::Text { text, mark, owner } => Fetched::Text {
                text,
                mark: mark.map(|mark| format!("{today} {mark}")),
                owner,
            },
            unchanged => unchanged,
        })
    }
}
