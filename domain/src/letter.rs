//! One reader's words about one event: what the texts are given, and what goes with a mail.

use chrono::NaiveDateTime;
use chrono_tz::Tz;
use serde::Serialize;

use crate::Instant;
use crate::account;
use crate::booking::{Mode, Status};
use crate::calendar::{self, CalendarUser, Method, Wording};
use crate::delivery::{Attachment, Content};
use crate::event::{BookingFacts, Event, EventType, Person};
use crate::id::UserId;
use crate::notification::{Audience, Facts, Links, Mailing, Page, People, PlanError, Recipient};
use crate::template::{Note, Row, Templates};
use crate::when;

/// Longest piece of typed text quoted in an inbox entry, in characters; mails quote in full.
const QUOTE: usize = 160;

/// An event as one reader sees it.
pub(crate) struct Letter<'a> {
    pub event: &'a Event,
    pub facts: &'a Facts,
    pub reader: &'a Recipient,
    pub people: &'a People,
    pub audience: Audience,
    pub templates: &'a Templates,
    pub links: &'a dyn Links,
    pub now: Instant,
}

/// What the texts about an account may name.
#[derive(Serialize)]
struct AccountScene<'a> {
    me: &'a str,
}

/// What the texts about a booking may name.
#[derive(Serialize)]
struct BookingScene<'a> {
    me: &'a str,
    /// The person on the other side.
    other: &'a str,
    /// Who did it, by name.
    actor: &'a str,
    /// Who did it, seen from the reader: `me`, `other`, `staff` or `system`.
    by: &'static str,
    side: &'static str,
    pending: bool,
    online: bool,
    code: &'a str,
    starts: String,
    previous: Option<String>,
    /// The zone of the booking, and what the clock there shows and was to show at the start.
    zone: String,
    shown: String,
    promised: Option<String>,
    span: String,
    place: Option<&'a str>,
    link: Option<&'a str>,
    note: Option<String>,
    reason: Option<String>,
}

impl Letter<'_> {
    /// The words of an inbox entry.
    pub(crate) fn note(&self, kind: &str) -> Result<Note, PlanError> {
        let locale = &self.reader.locale;
        Ok(match self.facts {
            Facts::Booking(facts) => {
                let (zone, language) = (self.reader.time_zone, self.language());
                let other_zone = self.zone_of(self.other(facts).id, facts);
                let scene = BookingScene {
                    starts: when::beside(facts.starts_at, zone, other_zone, language),
                    ..self.booking_scene(facts)
                };
                self.templates.note(locale, kind, &scene)?
            }
            Facts::Account(_) => self.templates.note(locale, kind, &self.account_scene())?,
        })
    }

    /// Subject and content of a mail.
    pub(crate) fn mail(
        &self,
        kind: &str,
        mailing: &Mailing,
    ) -> Result<(String, Content), PlanError> {
        let page = self.page(mailing.page);
        let locale = &self.reader.locale;
        let (mail, attachments, not_after) = match self.facts {
            Facts::Account(_) => {
                let scene = self.account_scene();
                let mail = self.templates.mail(locale, kind, &scene, &[], &page)?;
                (mail, Vec::new(), None)
            }
            Facts::Booking(facts) => {
                let (scene, rows) = (self.booking_scene(facts), self.rows(facts));
                let mail = self.templates.mail(locale, kind, &scene, &rows, &page)?;
                let files = mailing
                    .calendar
                    .and_then(|method| self.calendar_file(facts, method));
                let reminds = self.event.kind == EventType::BookingReminderDue;
                let not_after = reminds.then_some(facts.starts_at);
                (mail, files.into_iter().collect(), not_after)
            }
        };
        let content = Content {
            to_name: self.reader.name.clone(),
            text: mail.text,
            html: mail.html,
            attachments,
            not_after,
        };
        Ok((mail.subject, content))
    }

    fn account_scene(&self) -> AccountScene<'_> {
        AccountScene {
            me: &self.reader.name,
        }
    }

    fn booking_scene<'f>(&'f self, facts: &'f BookingFacts) -> BookingScene<'f> {
        let (zone, language) = (self.reader.time_zone, self.language());
        let minutes_left = ((facts.starts_at - self.now).num_seconds() + 30).div_euclid(60);
        BookingScene {
            me: &self.reader.name,
            other: &self.other(facts).name,
            actor: &facts.actor_name,
            by: self.by(facts),
            side: self.audience.as_str(),
            pending: facts.status == Status::Pending,
            online: facts.mode == Mode::Online,
            code: &facts.code,
            starts: when::brief(facts.starts_at, zone, language),
            previous: facts
                .previous_starts_at
                .map(|at| when::brief(at, zone, language)),
            zone: place(&facts.time_zone),
            shown: when::wall(self.shown(facts), language),
            promised: facts.promised_start.map(|at| when::wall(at, language)),
            span: when::span(minutes_left, language),
            place: facts.place.as_deref(),
            link: facts.link.as_deref(),
            note: facts.note.as_deref().map(quote),
            reason: facts.reason.as_deref().map(quote),
        }
    }

    /// The labelled lines of a mail about a booking.
    fn rows(&self, facts: &BookingFacts) -> Vec<Row> {
        let (zone, language) = (self.reader.time_zone, self.language());
        let other = self.other(facts);
        let other_zone = self.zone_of(other.id, facts);
        let full = |zone| when::full(facts.starts_at, facts.ends_at, zone, language);
        let plain = |label: String, value: String| Row {
            label,
            value,
            href: None,
        };
        let labelled = |key: &str, value: String| plain(self.word(key).to_owned(), value);

        let mut rows = vec![labelled("when", full(zone))];
        if when::differ(facts.starts_at, zone, other_zone) {
            let label = self
                .templates
                .phrase(&self.reader.locale, "when_other", &other.name);
            rows.push(plain(label, full(other_zone)));
        }
        if let Some(at) = facts.previous_starts_at {
            rows.push(labelled("previous", when::brief(at, zone, language)));
        }
        rows.push(labelled("with", other.name.clone()));
        let mode = match facts.mode {
            Mode::Online => "online",
            Mode::Offline => "offline",
        };
        rows.push(labelled("mode", self.word(mode).to_owned()));
        match facts.mode {
            Mode::Online => rows.extend(facts.link.as_ref().map(|link| Row {
                label: self.word("link").to_owned(),
                value: link.clone(),
                href: calendar::is_web_address(link).then(|| link.clone()),
            })),
            Mode::Offline => {
                rows.extend(facts.place.clone().map(|place| labelled("place", place)));
            }
        }
        rows.extend(facts.note.clone().map(|note| labelled("note", note)));
        rows.extend(
            facts
                .reason
                .clone()
                .map(|reason| labelled("reason", reason)),
        );
        rows.push(labelled("code", facts.code.clone()));
        rows
    }

    /// The calendar file for the reader, if both sides still exist to be named in it.
    fn calendar_file(&self, facts: &BookingFacts, method: Method) -> Option<Attachment> {
        let expert = self.people.get(&facts.expert.id)?;
        let client = self.people.get(&facts.client.id)?;
        let locale = &self.reader.locale;
        let summary = self
            .templates
            .phrase(locale, "summary", &self.other(facts).name);
        let mut description = vec![format!("{}: {}", self.word("code"), facts.code)];
        for (key, text) in [("note", &facts.note), ("reason", &facts.reason)] {
            description.extend(text.as_ref().map(|t| format!("{}: {t}", self.word(key))));
        }
        let page = self.links.booking(facts.booking_id);
        let text = calendar::invitation(
            facts,
            method,
            CalendarUser {
                name: &facts.expert.name,
                email: &expert.email,
            },
            CalendarUser {
                name: &facts.client.name,
                email: &client.email,
            },
            Wording {
                summary: &summary,
                description: &description.join("\n"),
                page: Some(&page),
            },
            self.event.time,
        );
        Some(Attachment {
            name: "invite.ics".to_owned(),
            content_type: method.content_type(),
            text,
        })
    }

    fn page(&self, page: Page) -> String {
        match (self.facts, page) {
            (Facts::Booking(facts), Page::AnotherTime) if self.audience == Audience::Client => {
                self.links.expert(facts.expert.id)
            }
            (Facts::Booking(facts), _) => self.links.booking(facts.booking_id),
            (Facts::Account(facts), Page::Reset) => {
                self.links.reset(facts.user_id, facts.auth_epoch, self.now)
            }
            (Facts::Account(facts), _) => {
                self.links
                    .verify(facts.user_id, &self.reader.email, self.now)
            }
        }
    }

    fn by(&self, facts: &BookingFacts) -> &'static str {
        match facts.actor_id {
            Some(id) if id == self.reader.id => "me",
            Some(id) if id == self.other(facts).id => "other",
            Some(_) => "staff",
            None => "system",
        }
    }

    fn other<'f>(&self, facts: &'f BookingFacts) -> &'f Person {
        match self.audience {
            Audience::Expert => &facts.client,
            Audience::Client | Audience::Holder => &facts.expert,
        }
    }

    /// Somebody's zone: the account's, or for an expert without one the zone of the schedule.
    fn zone_of(&self, person: UserId, facts: &BookingFacts) -> Tz {
        let schedule = || facts.time_zone.parse().ok();
        self.people
            .get(&person)
            .map(|recipient| recipient.time_zone)
            .or_else(|| (person == facts.expert.id).then(schedule).flatten())
            .unwrap_or(self.reader.time_zone)
    }

    /// What the clock of the booking's own zone shows at the start.
    fn shown(&self, facts: &BookingFacts) -> NaiveDateTime {
        let zone = facts.time_zone.parse().unwrap_or(self.reader.time_zone);
        facts.starts_at.with_timezone(&zone).naive_local()
    }

    fn language(&self) -> &'static str {
        account::language_of(&self.reader.locale)
    }

    fn word<'w>(&'w self, key: &'w str) -> &'w str {
        self.templates.word(&self.reader.locale, key)
    }
}

/// The place that a zone is named after: `Ho Chi Minh` for `Asia/Ho_Chi_Minh`.
fn place(zone: &str) -> String {
    let place = zone.rsplit('/').next().unwrap_or(zone);
    place.replace('_', " ")
}

/// The beginning of a typed text.
fn quote(text: &str) -> String {
    match text.char_indices().nth(QUOTE) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}
