//! One reader's words about one event: what the texts are given, and what goes with a mail.

use std::borrow::Cow;

use chrono::NaiveDateTime;
use chrono_tz::Tz;

use crate::Instant;
use crate::account;
use crate::booking::{Mode, Status};
use crate::calendar::{self, CalendarUser, Method, Wording};
use crate::channel::Channel;
use crate::delivery::{Action, ActionStep, Attachment, Content};
use crate::event::{BookingFacts, Event, EventType, Person, VisitFacts, WaitingFacts};
use crate::gate::Class;
use crate::id::UserId;
use crate::notification::{
    Address, Audience, Category, Facts, Page, PlanError, Planning, Recipient,
};
use crate::rule::Draft;
use crate::template::{Envelope, Note};
use crate::when;

/// The labelled lines of a mail.
mod rows;
/// What the texts are given.
mod scene;

use scene::{
    AccountScene, BookingScene, DigestScene, Scene, VisitScene, WaitingScene, WebhookScene,
};

/// The texts for those who only look on.
pub(crate) const OF_OTHERS: &str = "booking.of_others";
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

impl Letter<'_> {
    /// The words of an inbox entry.
    pub(crate) fn note(&self, kind: &str) -> Result<Note, PlanError> {
        let scene = self.scene(true);
        let (templates, locale) = (self.planning.templates, &self.reader.locale);
        Ok(templates.note(locale, self.words_of(kind), &scene)?)
    }

    /// After this instant the message is not worth sending any more.
    pub(crate) fn not_after(&self) -> Option<Instant> {
        match self.facts {
            Facts::Booking(facts) if self.event.kind == EventType::BookingReminderDue => {
                Some(facts.starts_at)
            }
            Facts::Waiting(facts) if self.event.kind == EventType::WaitlistOffered => {
                facts.expires_at
            }
            Facts::Visit(facts) => Some(facts.worth_until(self.event)),
            _ => None,
        }
    }

    /// Title and content of a message to one address.
    pub(crate) fn message(
        &self,
        draft: &Draft,
        address: &Address,
    ) -> Result<(String, Content), PlanError> {
        let content = Content {
            to_name: self.me().to_owned(),
            not_after: self.not_after(),
            language: self.reader.locale.clone(),
            url: Some(self.page(draft.page)),
            data: self.facts.data(),
            actions: self.actions(),
            details: address.details.clone(),
            ..Content::default()
        };
        let (templates, locale) = (self.planning.templates, &self.reader.locale);
        let kind = self.words_of(&draft.kind);
        let label = self.label(draft);
        let titled = |note: Note| Note {
            title: format!("{label}{}", note.title),
            ..note
        };
        let note = match address.channel {
            Channel::Email => return self.mail(draft, content),
            Channel::Sms => Note {
                title: templates.house().to_owned(),
                body: templates.sms(locale, kind, &label, &self.scene(false).brief())?,
            },
            Channel::Telegram => titled(templates.telegram(locale, kind, &self.scene(true))?),
            Channel::Fcm | Channel::WebPush => {
                titled(templates.push(locale, kind, &self.scene(false).brief())?)
            }
            Channel::Webhook => self.note(&draft.kind)?,
        };
        let content = Content {
            text: note.body,
            ..content
        };
        Ok((note.title, content))
    }

    /// A mail: its words, the files that go with it, and how its reader stops others of its kind.
    fn mail(&self, draft: &Draft, content: Content) -> Result<(String, Content), PlanError> {
        let page = self.page(draft.page);
        let (templates, locale) = (self.planning.templates, &self.reader.locale);
        let (rows, file) = match self.facts {
            Facts::Account(_) => (Vec::new(), None),
            Facts::Digest(facts) => (Self::gathered(facts), None),
            Facts::Webhook(_) => (Vec::new(), None),
            Facts::Waiting(facts) => (self.wished(facts), None),
            Facts::Visit(facts) => (self.visited(facts), None),
            Facts::Booking(facts) => {
                let file = draft.calendar;
                let file = file.and_then(|method| self.calendar_file(facts, method));
                (self.rows(facts), file)
            }
        };
        let stoppable = draft.class != Class::Transactional && draft.category != Category::Account;
        let unsubscribe = stoppable.then(|| {
            let (links, now) = (self.planning.links, self.planning.now);
            links.unsubscribe(self.reader.id, draft.category, now)
        });
        let envelope = Envelope {
            rows: &rows,
            page: &page,
            unsubscribe: unsubscribe.as_deref(),
        };
        let kind = self.words_of(&draft.kind);
        let mail = templates.mail(locale, kind, &self.scene(false), envelope)?;
        let content = Content {
            text: mail.text,
            html: mail.html,
            attachments: file.into_iter().collect(),
            unsubscribe,
            ..content
        };
        Ok((format!("{}{}", self.label(draft), mail.subject), content))
    }

    /// What stands first in an advertisement, by law; nothing in anything else.
    fn label(&self, draft: &Draft) -> String {
        match &self.planning.policy.marketing_label {
            label if draft.class == Class::Marketing && !label.is_empty() => format!("{label} "),
            _ => String::new(),
        }
    }

    /// What the reader can do right where they read it.
    fn actions(&self) -> Vec<Action> {
        let Facts::Booking(facts) = self.facts else {
            return Vec::new();
        };
        // A button answers one booking; what is about several is answered on their page.
        if facts.others().next().is_some() {
            return Vec::new();
        }
        let steps: &[ActionStep] = match (facts.status, self.audience) {
            (Status::Pending, Audience::Expert) => &[ActionStep::Confirm, ActionStep::Reject],
            (Status::Pending | Status::Confirmed, Audience::Client)
            | (Status::Confirmed, Audience::Expert) => &[ActionStep::Cancel],
            _ => &[],
        };
        let action = |step: &ActionStep| Action {
            label: self
                .word(match step {
                    ActionStep::Confirm => "step.confirm",
                    ActionStep::Reject => "step.reject",
                    ActionStep::Cancel => "step.cancel",
                })
                .to_owned(),
            step: *step,
            booking_id: facts.booking_id,
        };
        steps.iter().map(action).collect()
    }

    /// The texts for this reader: those who only look on are told so, whatever happened.
    fn words_of<'k>(&self, kind: &'k str) -> &'k str {
        match (self.facts, self.audience) {
            (Facts::Booking(_), Audience::Manager | Audience::Followers) => OF_OTHERS,
            _ => kind,
        }
    }

    /// What the texts may name; where there is room, with the other side's clock beside the reader's own.
    pub(crate) fn scene(&self, beside: bool) -> Scene<'_> {
        match self.facts {
            Facts::Account(facts) => Scene::Account(AccountScene {
                me: Cow::Borrowed(&self.reader.name),
                code: (self.event.kind == EventType::GuestCodeAsked).then(|| {
                    let (links, number) = (self.planning.links, self.event.subject_version);
                    links.code(facts.user_id, number)
                }),
            }),
            Facts::Digest(facts) => Scene::Digest(DigestScene {
                me: Cow::Borrowed(&self.reader.name),
                count: facts.items.len(),
                items: &facts.items,
            }),
            Facts::Webhook(facts) => Scene::Webhook(WebhookScene {
                me: Cow::Borrowed(&self.reader.name),
                url: &facts.url,
                cause: &facts.cause,
            }),
            Facts::Waiting(facts) => Scene::Waiting(Box::new(self.waiting_scene(facts))),
            Facts::Visit(facts) => Scene::Visit(Box::new(self.visit_scene(facts))),
            Facts::Booking(facts) => {
                let mut scene = self.booking_scene(facts);
                if beside {
                    let (zone, language) = (self.reader.time_zone, self.language());
                    let other_zone = self.zone_of(self.other(facts).id, facts);
                    scene.starts = when::beside(facts.starts_at, zone, other_zone, language);
                }
                Scene::Booking(Box::new(scene))
            }
        }
    }

    fn booking_scene<'f>(&'f self, facts: &'f BookingFacts) -> BookingScene<'f> {
        let (zone, language) = (self.reader.time_zone, self.language());
        let minutes_left =
            ((facts.starts_at - self.planning.now).num_seconds() + 30).div_euclid(60);
        let did = format!("did.{}", self.event.kind.as_str());
        BookingScene {
            me: Cow::Borrowed(self.me()),
            other: Cow::Borrowed(&self.other(facts).name),
            client: Cow::Borrowed(&facts.client.name),
            expert: Cow::Borrowed(&facts.expert.name),
            actor: Cow::Borrowed(&facts.actor_name),
            by: self.by(facts),
            side: self.audience.as_str(),
            did: Cow::Owned(self.word(&did).to_owned()),
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
            session: facts.session.as_ref().map(|session| quote(&session.title)),
            more: facts.others().count(),
            last: facts
                .others()
                .last()
                .map(|step| when::brief(step.starts_at, zone, language)),
        }
    }

    fn waiting_scene<'f>(&'f self, facts: &'f WaitingFacts) -> WaitingScene<'f> {
        let (zone, language) = (self.reader.time_zone, self.language());
        let brief = |at: Instant| when::brief(at, zone, language);
        WaitingScene {
            me: Cow::Borrowed(&self.reader.name),
            other: Cow::Borrowed(match self.audience {
                Audience::Expert => &facts.client.name,
                _ => &facts.expert.name,
            }),
            side: self.audience.as_str(),
            dates: when::dates(facts.from, facts.until, language),
            minutes: facts.minutes,
            starts: facts.starts_at.map(brief),
            answer_by: facts.expires_at.map(brief),
            session: facts.session.as_ref().map(|session| quote(&session.title)),
        }
    }

    fn visit_scene<'f>(&'f self, facts: &'f VisitFacts) -> VisitScene<'f> {
        let (zone, language) = (self.reader.time_zone, self.language());
        let brief = |at: Instant| when::brief(at, zone, language);
        let other = match self.audience {
            Audience::Expert => Some(&facts.name),
            _ => facts.expert.as_ref().map(|expert| &expert.name),
        };
        VisitScene {
            me: Cow::Borrowed(&self.reader.name),
            other: other.map(|name| Cow::Borrowed(&**name)),
            side: self.audience.as_str(),
            branch: Cow::Borrowed(&facts.branch.name),
            moved_to: facts.moved_to.as_ref().map(|to| Cow::Borrowed(&*to.name)),
            number: facts.number,
            answer_by: facts.offer_expires_at.map(brief),
        }
    }

    /// The calendar file for the reader, if both sides still exist to be named in it.
    fn calendar_file(&self, facts: &BookingFacts, method: Method) -> Option<Attachment> {
        let expert = self.planning.people.get(&facts.expert.id)?;
        let client = self.planning.people.get(&facts.client.id)?;
        let (summary, description) = calendar::described(
            self.planning.templates,
            &self.reader.locale,
            &self.other(facts).name,
            facts,
        );
        let page = self.page_of(facts);
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
                description: &description,
                page: Some(&page),
            },
            self.event.time,
        );
        Some(Attachment {
            name: "invite.ics".to_owned(),
            content_type: match facts.others().next() {
                None => method.content_type(),
                Some(_) => "text/calendar; charset=utf-8; method=PUBLISH".to_owned(),
            },
            text,
        })
    }

    /// The address of a page, for this reader.
    pub(crate) fn page(&self, page: Page) -> String {
        match (self.facts, page) {
            (Facts::Account(_), _) if self.event.kind == EventType::GuestCodeAsked => {
                self.planning.links.lookup()
            }
            (_, Page::Inbox) | (Facts::Digest(_) | Facts::Webhook(_), _) => {
                self.planning.links.inbox()
            }
            (Facts::Waiting(facts), Page::AnotherTime) => {
                self.planning.links.expert(facts.expert.id)
            }
            (Facts::Waiting(_), _) => self.planning.links.waiting_list(),
            (Facts::Visit(facts), _) => {
                let goes_on = facts.next_id.unwrap_or(facts.visit_id);
                self.planning.links.visit(goes_on)
            }
            (Facts::Booking(facts), Page::AnotherTime) if self.audience == Audience::Client => {
                self.planning.links.expert(facts.expert.id)
            }
            (Facts::Booking(facts), _) => self.page_of(facts),
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

    /// The booking's own page, as this reader can open it.
    fn page_of(&self, facts: &BookingFacts) -> String {
        let links = self.planning.links;
        match self.audience {
            Audience::Client if self.reader.guest => {
                links.guest_booking(facts.booking_id, self.reader.id)
            }
            _ => links.booking(facts.booking_id),
        }
    }

    /// The reader's name; a guest's is that of the booking.
    fn me(&self) -> &str {
        match self.facts {
            Facts::Booking(facts) if self.reader.guest && facts.client.id == self.reader.id => {
                &facts.client.name
            }
            _ => &self.reader.name,
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
