//! The labelled lines of a mail.

use super::Letter;
use crate::booking::Mode;
use crate::calendar;
use crate::event::{BookingFacts, DigestFacts, EventType, VisitFacts, WaitingFacts};
use crate::notification::Audience;
use crate::template::Row;
use crate::when;

impl Letter<'_> {
    /// The labelled lines of a mail about a place on a waiting list.
    pub(super) fn wished(&self, facts: &WaitingFacts) -> Vec<Row> {
        let (zone, language) = (self.reader.time_zone, self.language());
        let labelled = |key: &str, value: String| Row {
            label: self.word(key).to_owned(),
            value,
            href: None,
        };
        let slot = facts.starts_at.zip(facts.ends_at);
        let session = facts.session.as_ref();
        let session = session.map(|session| labelled("session", session.title.clone()));
        let mut rows: Vec<Row> = session.into_iter().collect();
        rows.push(match slot {
            Some((from, until)) => labelled("when", when::full(from, until, zone, language)),
            None => labelled("when", when::dates(facts.from, facts.until, language)),
        });
        let offered = self.event.kind == EventType::WaitlistOffered;
        let answer_by = facts.expires_at.filter(|_| offered);
        rows.extend(answer_by.map(|at| labelled("answer_by", when::brief(at, zone, language))));
        let other = match self.audience {
            Audience::Expert => &facts.client,
            _ => &facts.expert,
        };
        rows.push(labelled("with", other.name.clone()));
        rows
    }

    /// The labelled lines of a mail about a visit.
    pub(super) fn visited(&self, facts: &VisitFacts) -> Vec<Row> {
        let (zone, language) = (self.reader.time_zone, self.language());
        let labelled = |key: &str, value: String| Row {
            label: self.word(key).to_owned(),
            value,
            href: None,
        };
        let other = match self.audience {
            Audience::Expert => Some(&facts.name),
            _ => facts.expert.as_ref().map(|expert| &expert.name),
        };
        let mut rows = vec![
            labelled("place", facts.branch.name.clone()),
            labelled("number", facts.number.to_string()),
        ];
        rows.extend(other.map(|name| labelled("with", name.clone())));
        let answer_by = facts.offer_expires_at;
        rows.extend(answer_by.map(|at| labelled("answer_by", when::brief(at, zone, language))));
        rows
    }

    /// The lines of a mail about a day's gathered messages.
    pub(super) fn gathered(facts: &DigestFacts) -> Vec<Row> {
        let items = facts.items.iter().map(|item| Row {
            label: item.title.clone(),
            value: item.body.clone(),
            href: item.url.clone().filter(|url| calendar::is_web_address(url)),
        });
        items.collect()
    }

    /// The labelled lines of a mail about a booking.
    pub(super) fn rows(&self, facts: &BookingFacts) -> Vec<Row> {
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

        let session = facts.session.as_ref();
        let session = session.map(|session| labelled("session", session.title.clone()));
        let mut rows: Vec<Row> = session.into_iter().collect();
        rows.push(labelled("when", full(zone)));
        if when::differ(facts.starts_at, zone, other_zone) {
            let label =
                self.planning
                    .templates
                    .phrase(&self.reader.locale, "when_other", &other.name);
            rows.push(plain(label, full(other_zone)));
        }
        for step in facts.others() {
            let full = when::full(step.starts_at, step.ends_at, zone, language);
            rows.push(labelled("also", full));
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
}
