//! Calendars of a CalDAV server (RFC 4791): found from any address of it (RFC 6764, RFC 5397), then asked for the
//! events of a stretch of time. Recurrences are counted out here, because servers differ in whether they can.

use belfry_actors::importer::{Fault, Fetched};
use belfry_domain::Instant;
use belfry_domain::import::window;
use reqwest::Method;
use reqwest::header::HeaderName;
use sha2::{Digest, Sha256};
use url::Url;

use super::Access;
use super::multistatus::{Item, items};
use super::web::{Answer, MOST, Web, accept};

/// Calendars of one account that are read.
const MOST_CALENDARS: usize = 20;
/// Where a server that is known by its name alone says where its calendars are.
const WELL_KNOWN: &str = "/.well-known/caldav";
const DEPTH: HeaderName = HeaderName::from_static("depth");

/// What is asked of anything.
const PROPERTIES: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<D:propfind xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:S="http://calendarserver.org/ns/"><D:prop>
<D:resourcetype/><D:current-user-principal/><C:calendar-home-set/><C:supported-calendar-component-set/>
<C:schedule-calendar-transp/><S:getctag/></D:prop></D:propfind>"#;

/// Fetches the events of all calendars behind an address, unless they are as `mark` says.
pub(super) async fn fetch(
    web: &Web,
    url: Url,
    access: &Access,
    mark: Option<&str>,
    now: Instant,
) -> Result<Fetched, Fault> {
    let server = Server { web, access };
    let mut calendars = server.find(url).await?;
    if calendars.is_empty() {
        return Err(Fault("no_calendars"));
    }
    calendars.truncate(MOST_CALENDARS);
    let state = state(&calendars);
    if state.is_some() && state.as_deref() == mark {
        return Ok(Fetched::Unchanged);
    }
    let mut text = String::new();
    for (calendar, _) in calendars {
        let events = server.events(calendar, now).await?;
        if text.len() + events.len() > MOST {
            return Err(Fault("too_large"));
        }
        text.push_str(&events);
    }
    if text.is_empty() {
        // Nobody has anything to do.
        text.push_str("BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n");
    }
    let owner = access.username.clone();
    Ok(Fetched::Text {
        text,
        mark: state,
        owner: owner.filter(|owner| owner.contains('@')),
    })
}

/// A word for the state of these calendars; `None` where one of them has none.
fn state(calendars: &[(Url, Option<String>)]) -> Option<String> {
    let mut digest = Sha256::new();
    for (url, tag) in calendars {
        digest.update(url.as_str());
        digest.update([0]);
        digest.update(tag.as_deref()?);
        digest.update([0]);
    }
    let digest = digest.finalize();
    Some(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

struct Server<'a> {
    web: &'a Web,
    access: &'a Access,
}

impl Server<'_> {
    /// The calendars behind an address, each with the word for its state.
    async fn find(&self, url: Url) -> Result<Vec<(Url, Option<String>)>, Fault> {
        let (start, mut found) = self.start(url).await?;
        if let Some(calendar) = own(&found, &start).filter(|item| item.is_calendar) {
            return Ok(vec![(start, calendar.tag.clone())]);
        }
        let mut place = start;
        let principal = found.iter().find_map(|item| item.principal.clone());
        if let Some(principal) = principal {
            place = join(&place, &principal)?;
            (place, found) = self.look(place, "0").await?;
        }
        if let Some(home) = found.iter().find_map(|item| item.home.clone()) {
            place = join(&place, &home)?;
        }
        let (place, found) = self.look(place, "1").await?;
        let mut calendars = Vec::new();
        for item in found {
            if item.is_calendar && item.has_events && !item.is_transparent {
                calendars.push((join(&place, &item.href)?, item.tag));
            }
        }
        calendars.sort();
        Ok(calendars)
    }

    /// What is at the address itself, or where its server says that calendars begin.
    async fn start(&self, url: Url) -> Result<(Url, Vec<Item>), Fault> {
        let well_known = join(&url, WELL_KNOWN)?;
        match self.look(url.clone(), "0").await {
            Ok((place, found)) if found.iter().any(Item::leads_on) => Ok((place, found)),
            Err(Fault(fault @ ("unauthorized" | "forbidden_address" | "unreachable"))) => {
                Err(Fault(fault))
            }
            first => match self.look(well_known, "0").await {
                Ok(second) => Ok(second),
                Err(_) => first,
            },
        }
    }

    async fn look(&self, url: Url, depth: &str) -> Result<(Url, Vec<Item>), Fault> {
        let answer = self.ask("PROPFIND", url, depth, PROPERTIES).await?;
        Ok((answer.url.clone(), items(&answer.text())?))
    }

    /// The events of a calendar, one file after the other.
    async fn events(&self, calendar: Url, now: Instant) -> Result<String, Fault> {
        let (from, until) = window(now);
        let stamp = |at: Instant| at.format("%Y%m%dT%H%M%SZ").to_string();
        let query = format!(
            r#"<?xml version="1.0" encoding="utf-8"?>
<C:calendar-query xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:prop><C:calendar-data/></D:prop>
<C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT">
<C:time-range start="{}" end="{}"/></C:comp-filter></C:comp-filter></C:filter></C:calendar-query>"#,
            stamp(from),
            stamp(until)
        );
        let answer = self.ask("REPORT", calendar, "1", &query).await?;
        let mut text = String::new();
        for item in items(&answer.text())? {
            if let Some(data) = item.data {
                text.push_str(data.trim_end());
                text.push_str("\r\n");
            }
        }
        Ok(text)
    }

    async fn ask(&self, method: &str, url: Url, depth: &str, body: &str) -> Result<Answer, Fault> {
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| Fault("refused"))?;
        let headers = [(DEPTH, depth.to_owned())];
        let answer = self
            .web
            .send(method, url, self.access, &headers, Some(body))
            .await?;
        accept(answer.status)?;
        Ok(answer)
    }
}

/// What is said of the address that was asked.
fn own<'i>(found: &'i [Item], url: &Url) -> Option<&'i Item> {
    let path = |item: &&Item| {
        let its = url.join(&item.href);
        its.is_ok_and(|its| its.path().trim_end_matches('/') == url.path().trim_end_matches('/'))
    };
    found.iter().find(path)
}

fn join(url: &Url, href: &str) -> Result<Url, Fault> {
    url.join(href.trim()).map_err(|_| Fault("not_caldav"))
}
