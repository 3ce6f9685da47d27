//! One reader's words about one event: what the texts are given, and what goes with a mail.

use chrono::NaiveDateTime;
use chrono_tz::Tz;
use serde::Serialize;

use crate::Instant;
use crate::account;
use crate::booking::{Mode, Status};
use crate::calendar::{self, CalendarUser, Method, Wording};
use crate::channel::Channel;
use crate::delivery::{Attachment, Content};
use crate::event::{BookingFacts, DigestFacts, DigestItem, Event, EventType, Person, WebhookFacts};
use crate::id::UserId;
use crate::notification::{Address, Audience, Facts, Page, PlanError, Planning, Recipient};
use crate::rule::{Draft, Rule};
use crate::template::{Mail, Note, Row};
use crate::when;

/// Longest piece of typed text quoted in an inbox entry, in characters; mails quote in full.
const QUOTE: usize = 160;

/// An event as one reader sees it.
pub(crate) struct Letter<'a> {
    pub event: &'a Event,
    pub facts: &'a Facts,
    pub reader: &'a Recipient,
    pub audience: Audience,
    pub planning: &'a Planning<'a>,
}

/// What the texts about an account may name.
#[derive(Serialize)]
struct AccountScene<'a> {
    me: &'a str,
}

/// What the texts about a day's gathered messages may name.
#[derive(Serialize)]
struct DigestScene<'a> {
    me: &'a str,
    count: usize,
    items: &'a [DigestItem],
}

/// What the texts about a webhook may name.
#[derive(Serialize)]
struct WebhookScene<'a> {
    me: &'a str,
    url: &'a str,
    cause: &'a str,
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
                self.planning.templates.note(locale, kind, &scene)?
            }
            Facts::Account(_) => {
                let scene = self.account_scene();
                self.planning.templates.note(locale, kind, &scene)?
            }
            Facts::Digest(facts) => {
                let scene = self.digest_scene(facts);
                self.planning.templates.note(locale, kind, &scene)?
            }
            Facts::Webhook(facts) => {
                let scene = self.webhook_scene(facts);
                self.planning.templates.note(locale, kind, &scene)?
            }
        })
    }

    /// After this instant the message is not worth sending any more.
    pub(crate) fn not_after(&self) -> Option<Instant> {
        match self.facts {
            Facts::Booking(facts) if self.event.kind == EventType::BookingReminderDue => {
                Some(facts.starts_at)
            }
            _ => None,
        }
    }

    /// Title and content of a message to one address.
    pub(crate) fn message(
        &self,
        rule: &Rule,
        address: &Address,
    ) -> Result<(String, Content), PlanError> {
        let draft = &rule.draft;
        let content = Content {
            to_name: self.reader.name.clone(),
            not_after: self.not_after(),
            language: self.reader.locale.clone(),
            url: Some(self.page(draft.page)),
            data: self.facts.data(),
            details: address.details.clone(),
            ..Content::default()
        };
        if address.channel != Channel::Email {
            let note = self.note(&draft.kind)?;
            let content = Content {
                text: note.body,
                ..content
            };
            return Ok((note.title, content));
        }
        let (mail, attachments) = self.mail(draft)?;
        let content = Content {
            text: mail.text,
            html: mail.html,
            attachments,
            ..content
        };
        Ok((mail.subject, content))
    }

    /// The words of a mail, and the files that go with it.
    fn mail(&self, draft: &Draft) -> Result<(Mail, Vec<Attachment>), PlanError> {
        let page = self.page(draft.page);
        let (templates, locale) = (self.planning.templates, &self.reader.locale);
        Ok(match self.facts {
            Facts::Account(_) => {
                let scene = self.account_scene();
                (
                    templates.mail(locale, &draft.kind, &scene, &[], &page)?,
                    Vec::new(),
                )
            }
            Facts::Webhook(facts) => {
                let scene = self.webhook_scene(facts);
                (
                    templates.mail(locale, &draft.kind, &scene, &[], &page)?,
                    Vec::new(),
                )
            }
            Facts::Digest(facts) => {
                let scene = self.digest_scene(facts);
                let rows = facts.items.iter().map(|item| Row {
                    label: item.title.clone(),
                    value: item.body.clone(),
                    href: item.url.clone().filter(|url| calendar::is_web_address(url)),
                });
                let rows: Vec<Row> = rows.collect();
                (
                    templates.mail(locale, &draft.kind, &scene, &rows, &page)?,
                    Vec::new(),
                )
            }
            Facts::Booking(facts) => {
                let (scene, rows) = (self.booking_scene(facts), self.rows(facts));
                let mail = templates.mail(locale, &draft.kind, &scene, &rows, &page)?;
                let files = draft
                    .calendar
                    .and_then(|method| self.calendar_file(facts, method));
                (mail, files.into_iter().collect())
            }
        })
    }

    fn digest_scene<'f>(&'f self, facts: &'f DigestFacts) -> DigestScene<'f> {
        DigestScene {
            me: &self.reader.name,
            count: facts.items.len(),
            items: &facts.items,
        }
    }

    fn webhook_scene<'f>(&'f self, facts: &'f WebhookFacts) -> WebhookScene<'f> {
        WebhookScene {
            me: &self.reader.name,
            url: &facts.url,
            cause: &facts.cause,
        }
    }

    fn account_scene(&self) -> AccountScene<'_> {
        AccountScene {
            me: &self.reader.name,
        }
    }

    fn booking_scene<'f>(&'f self, facts: &'f BookingFacts) -> BookingScene<'f> {
        let (zone, language) = (self.reader.time_zone, self.language());
        let minutes_left =
            ((facts.starts_at - self.planning.now).num_seconds() + 30).div_euclid(60);
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
            let label =
                self.planning
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
        let expert = self.planning.people.get(&facts.expert.id)?;
        let client = self.planning.people.get(&facts.client.id)?;
        let locale = &self.reader.locale;
        let summary = self
            .planning
            .templates
            .phrase(locale, "summary", &self.other(facts).name);
        let mut description = vec![format!("{}: {}", self.word("code"), facts.code)];
        for (key, text) in [("note", &facts.note), ("reason", &facts.reason)] {
            description.extend(text.as_ref().map(|t| format!("{}: {t}", self.word(key))));
        }
        let page = self.planning.links.booking(facts.booking_id);
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

    /// The address of a page, for this reader.
    pub(crate) fn page(&self, page: Page) -> String {
        match (self.facts, page) {
            (_, Page::Inbox) | (Facts::Digest(_) | Facts::Webhook(_), _) => {
                self.planning.links.inbox()
            }
            (Facts::Booking(facts), Page::AnotherTime) if self.audience == Audience::Client => {
                self.planning.links.expert(facts.expert.id)
            }
            (Facts::Booking(facts), _) => self.planning.links.booking(facts.booking_id),
            (Facts::Account(facts), Page::Reset) => {
                self.planning
                    .links
                    .reset(facts.user_id, facts.auth_epoch, self.planning.now)
            }
            (Facts::Account(facts), _) => {
                self.planning
                    .links
                    .verify(facts.user_id, &self.reader.email, self.planning.now)
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
            _ => &facts.expert,
        }
    }

    /// Somebody's zone: the account's, or for an expert without one the zone of the schedule.
    fn zone_of(&self, person: UserId, facts: &BookingFacts) -> Tz {
        let schedule = || facts.time_zone.parse().ok();
        self.planning
            .people
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
        self.planning.templates.word(&self.reader.locale, key)
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
