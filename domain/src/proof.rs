//! Own texts, tried on readers of every kind of event before they are kept: what does not suit one of them
//! is found here and not when it should be sent.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::Instant;
use crate::channel::Channel;
use crate::event::{Event, EventType};
use crate::field::FieldError;
use crate::gate::Policy;
use crate::letter::{Letter, OF_OTHERS};
use crate::notification::{Address, Audience, Facts, Planning, Sides};
use crate::rule::{Draft, RuleBook};
use crate::sample;
use crate::sms;
use crate::template::{MOST_CHARACTERS, Medium, Override, Section, TemplateError, Templates};

/// Those who read the made-up events.
mod readers;

use readers::{Pages, onlooker, people};

/// How a text looks to one reader.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Example {
    /// Who reads it and what happened, such as `client, pending, by me`.
    pub scene: String,
    pub title: String,
    pub text: String,
    /// Of mails alone.
    pub html: Option<String>,
}

/// A language tag as it is kept: `vi`, `vi-VN`, `zh-Hant-TW`.
pub fn canonical(language: &str) -> String {
    let parts = language.split('-').enumerate().map(|(at, part)| {
        let lower = part.to_ascii_lowercase();
        match (at, part.len()) {
            (1.., 2) => lower.to_ascii_uppercase(),
            (1.., 4) => lower[..1].to_ascii_uppercase() + &lower[1..],
            _ => lower,
        }
    });
    parts.collect::<Vec<_>>().join("-")
}

/// What a text of this kind may name.
pub fn variables(kind: &str) -> Vec<String> {
    let mut names = BTreeSet::new();
    let Ok(templates) = Templates::builtin() else {
        return Vec::new();
    };
    each(&templates, kind, "en", 1, |reading| {
        if let Ok(Value::Object(scene)) = serde_json::to_value(reading.letter.scene(false)) {
            names.extend(scene.into_iter().map(|(name, _)| name));
        }
    });
    names.into_iter().collect()
}

/// What is wrong with own sections, each with its place.
pub fn faults(
    kind: &str,
    medium: Medium,
    language: &str,
    sections: &BTreeMap<String, String>,
) -> Vec<FieldError> {
    let mut faults = shape(medium, sections);
    if !faults.is_empty() {
        return faults;
    }
    let own = Override {
        kind: kind.to_owned(),
        medium,
        language: language.to_owned(),
        sections: sections.clone(),
    };
    let known: Vec<String> = variables(kind);
    for (name, source) in sections {
        match Templates::names(source) {
            Err(fault) => faults.push(fault_at(name, &fault)),
            Ok(named) => faults.extend(
                named
                    .iter()
                    .filter(|variable| !known.contains(variable))
                    .map(|variable| {
                        let line = source
                            .lines()
                            .position(|line| line.contains(variable.as_str()));
                        let line = line.map_or(1, |at| at + 1);
                        let known = known.join(", ");
                        let detail =
                            format!("Line {line}: there is no {variable}; there are {known}.");
                        FieldError::new(format!("/sections/{name}"), FieldError::INVALID, detail)
                    }),
            ),
        }
    }
    if !faults.is_empty() {
        return faults;
    }
    let templates = match Templates::with([own]) {
        Ok((templates, broken)) if broken.is_empty() => templates,
        Ok((_, broken)) => {
            return broken.iter().map(|fault| fault_at("", fault)).collect();
        }
        Err(fault) => return vec![fault_at("", &fault)],
    };
    for section in medium.sections() {
        if sections.contains_key(section.name) {
            faults.extend(try_on_all(&templates, kind, medium, language, section));
        }
    }
    faults
}

/// Shows a text to some readers: either side, answered or not.
///
/// # Errors
/// When it cannot be made for one of them.
pub fn examples(
    templates: &Templates,
    kind: &str,
    medium: Medium,
    language: &str,
) -> Result<Vec<Example>, TemplateError> {
    let mut examples: Vec<Example> = Vec::new();
    let mut broken = None;
    each(templates, kind, language, usize::MAX, |reading| {
        let scene = reading.scene.clone();
        // One of each kind of reader says enough.
        if broken.is_some() || examples.iter().any(|example| example.scene == scene) {
            return;
        }
        match reading.example(medium) {
            Ok(example) => examples.push(example),
            Err(fault) => broken = Some(fault),
        }
    });
    match broken {
        Some(fault) => Err(fault),
        None => Ok(examples),
    }
}

/// Faults that show without a reader.
fn shape(medium: Medium, sections: &BTreeMap<String, String>) -> Vec<FieldError> {
    let mut faults = Vec::new();
    for section in medium.sections().iter().filter(|section| section.required) {
        let blank = sections
            .get(section.name)
            .is_none_or(|source| source.trim().is_empty());
        if blank {
            let detail = "This part is needed.";
            let pointer = format!("/sections/{}", section.name);
            faults.push(FieldError::new(pointer, FieldError::REQUIRED, detail));
        }
    }
    for (name, source) in sections {
        let pointer = format!("/sections/{}", name.replace('~', "~0").replace('/', "~1"));
        if medium.section(name).is_none() {
            let known: Vec<_> = medium.sections().iter().map(|known| known.name).collect();
            let detail = format!("The parts here are {}.", known.join(", "));
            faults.push(FieldError::new(pointer, FieldError::UNKNOWN_FIELD, detail));
        } else if source.chars().count() > MOST_CHARACTERS {
            let detail = format!("At most {MOST_CHARACTERS} characters.");
            faults.push(FieldError::new(pointer, FieldError::TOO_LONG, detail));
        } else if source.contains('\0') {
            let detail = "It holds a character that no text has.";
            faults.push(FieldError::new(
                pointer,
                FieldError::CONTROL_CHARACTER,
                detail,
            ));
        }
    }
    faults
}

/// The first reader whom a section does not suit.
fn try_on_all(
    templates: &Templates,
    kind: &str,
    medium: Medium,
    language: &str,
    section: &Section,
) -> Option<FieldError> {
    let mut fault: Option<FieldError> = None;
    each(templates, kind, language, usize::MAX, |reading| {
        if fault.is_some() {
            return;
        }
        let brief = matches!(medium, Medium::Sms | Medium::Push);
        let scene = reading.letter.scene(!brief);
        let scene = if brief { scene.brief().widest() } else { scene };
        let made = templates.try_section(language, kind, medium, section.name, &scene);
        let pointer = format!("/sections/{}", section.name);
        let told = |code, detail: String| {
            let detail = format!("{detail} (for: {})", reading.full());
            Some(FieldError::new(pointer.clone(), code, detail))
        };
        fault = match made {
            Err(broken) => {
                let FieldError { detail, code, .. } = fault_at(section.name, &broken);
                told(code, detail)
            }
            Ok(text) if text.trim().is_empty() => {
                told(FieldError::REQUIRED, "Nothing would be read.".to_owned())
            }
            Ok(text) if medium == Medium::Sms => {
                let plain = sms::plain(&text);
                let places = sms::gsm_length(&plain);
                (!sms::fits(&plain))
                    .then(|| match places {
                        Some(places) => {
                            format!("It has {places} characters, at most {}.", sms::MOST_GSM)
                        }
                        None => format!(
                            "It has {} characters, at most {} in this alphabet.",
                            plain.encode_utf16().count(),
                            sms::MOST_UNICODE
                        ),
                    })
                    .and_then(|detail| told(FieldError::TOO_LONG, detail))
            }
            Ok(text) if text.chars().count() > section.most => {
                let (is, most) = (text.chars().count(), section.most);
                told(
                    FieldError::TOO_LONG,
                    format!("It has {is} characters, at most {most}."),
                )
            }
            Ok(_) => None,
        };
    });
    fault
}

fn fault_at(section: &str, fault: &TemplateError) -> FieldError {
    let detail = match fault {
        TemplateError::Broken { line, detail, .. } => {
            // The engine names the file and the line at the end, which is said here once.
            let detail = detail.split(" (in ").next().unwrap_or(detail);
            format!("Line {}: {detail}.", line.unwrap_or(1))
        }
        TemplateError::Missing(_) => fault.to_string(),
    };
    FieldError::new(format!("/sections/{section}"), FieldError::INVALID, detail)
}

/// One reader of one made-up event.
struct Reading<'a> {
    letter: Letter<'a>,
    draft: &'a Draft,
    address: &'a Address,
    /// In a few words, for people.
    scene: String,
}

impl Reading<'_> {
    fn example(&self, medium: Medium) -> Result<Example, TemplateError> {
        let unreadable = |error: crate::notification::PlanError| match error {
            crate::notification::PlanError::Template(fault) => fault,
            other => TemplateError::Missing(other.to_string()),
        };
        let scene = self.scene.clone();
        if medium == Medium::Inbox {
            let note = self.letter.note(&self.draft.kind).map_err(unreadable)?;
            return Ok(Example {
                scene,
                title: note.title,
                text: note.body,
                html: None,
            });
        }
        let address = Address {
            channel: channel(medium),
            ..self.address.clone()
        };
        let (title, content) = self
            .letter
            .message(self.draft, &address)
            .map_err(unreadable)?;
        Ok(Example {
            scene,
            title: if medium == Medium::Sms {
                String::new()
            } else {
                title
            },
            text: content.text,
            html: Some(content.html).filter(|html| !html.is_empty()),
        })
    }

    /// All that tells this reading from others.
    fn full(&self) -> String {
        match self.letter.facts {
            Facts::Booking(facts) => {
                let has =
                    |name: &str, there: bool| format!("{} {name}", if there { "a" } else { "no" });
                format!(
                    "{}, {}, {}, {}, {}",
                    self.scene,
                    if facts.mode == crate::booking::Mode::Online {
                        "online"
                    } else {
                        "in person"
                    },
                    has(
                        "place or link",
                        facts.place.is_some() || facts.link.is_some()
                    ),
                    has("note", facts.note.is_some()),
                    has("reason", facts.reason.is_some()),
                )
            }
            _ => self.scene.clone(),
        }
    }
}

fn channel(medium: Medium) -> Channel {
    match medium {
        Medium::Inbox | Medium::Email => Channel::Email,
        Medium::Sms => Channel::Sms,
        Medium::Telegram => Channel::Telegram,
        Medium::Push => Channel::WebPush,
    }
}

/// Lets at most `most` readers read: of every event that this kind is for, on every side.
fn each(
    templates: &Templates,
    kind: &str,
    language: &str,
    most: usize,
    mut read: impl FnMut(&Reading<'_>),
) {
    let now: Instant = chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::days(20_789);
    let Ok(rules) = RuleBook::defaults() else {
        return;
    };
    let looks_on = kind == OF_OTHERS;
    let mut drafts: Vec<Draft> = rules.all().iter().map(|rule| rule.draft.clone()).collect();
    drafts.retain(|draft| draft.kind == kind || (looks_on && draft.on.is_of_booking()));
    drafts.sort_by_key(|draft| draft.on.as_str());
    drafts.dedup_by_key(|draft| draft.on);
    let people = people(language);
    let sides = Sides::default();
    let policy = Policy::default();
    let address = Address {
        channel: Channel::Email,
        address: "ann@example.com".to_owned(),
        details: Value::Null,
        suppressed: None,
    };
    let planning = Planning {
        rules: &rules,
        people: &people,
        sides: &sides,
        templates,
        links: &Pages,
        policy: &policy,
        now,
    };
    let mut left = most;
    for draft in &drafts {
        for (event, facts) in sample::events(draft.on, now) {
            for audience in audiences(draft.on, looks_on) {
                let draft = Draft {
                    audience,
                    ..draft.clone()
                };
                if left == 0 {
                    return;
                }
                left -= 1;
                let Some(letter) = letter(&event, &facts, audience, &planning) else {
                    continue;
                };
                let scene = told(&letter);
                read(&Reading {
                    letter,
                    draft: &draft,
                    address: &address,
                    scene,
                });
            }
        }
    }
}

/// Those who read of an event: those who look on, or those who are named in it or run the house.
fn audiences(on: EventType, looks_on: bool) -> impl Iterator<Item = Audience> {
    use Audience::{Administrators, Client, Expert, Holder, Manager};
    let readers: &[Audience] = if looks_on {
        &[Manager]
    } else {
        &[Client, Expert, Holder, Administrators]
    };
    let readers = readers.iter().copied();
    readers.filter(move |audience| audience.fits(on))
}

fn letter<'a>(
    event: &'a Event,
    facts: &'a Facts,
    audience: Audience,
    planning: &'a Planning<'a>,
) -> Option<Letter<'a>> {
    let reader = match (facts, audience) {
        (Facts::Booking(facts), Audience::Client) => facts.client.id,
        (Facts::Booking(facts), Audience::Expert) => facts.expert.id,
        (Facts::Booking(_), _) => onlooker(),
        (Facts::Waiting(facts), Audience::Expert) => facts.expert.id,
        (Facts::Waiting(facts), _) => facts.client.id,
        (Facts::Visit(facts), Audience::Expert) => facts.expert.as_ref()?.id,
        (Facts::Visit(facts), _) => facts.client.as_ref()?.id,
        (Facts::Account(facts), _) => facts.user_id,
        (Facts::Digest(facts), _) => facts.user_id,
        (Facts::Webhook(_), _) => onlooker(),
    };
    let reader = planning.people.get(&reader)?;
    Some(Letter {
        event,
        facts,
        reader,
        audience,
        planning,
    })
}

/// A reading in a few words.
fn told(letter: &Letter<'_>) -> String {
    let side = letter.audience.as_str();
    match letter.facts {
        Facts::Booking(facts) => {
            let by = match facts.actor_id {
                None => "the house",
                Some(id) if id == letter.reader.id => "the reader",
                Some(id) if id == facts.client.id || id == facts.expert.id => "the other side",
                Some(_) => "staff",
            };
            format!("{side}, {}, by {by}", facts.status.as_str())
        }
        Facts::Digest(facts) => format!("{side}, {} gathered", facts.items.len()),
        Facts::Webhook(facts) => format!("{side}, {}", facts.cause),
        Facts::Waiting(facts) => {
            let slot = facts.starts_at.map_or("no place", |_| "a place");
            format!("{side}, {}, {slot}", facts.status)
        }
        Facts::Visit(facts) => format!("{side}, {}", facts.state),
        Facts::Account(_) => side.to_owned(),
    }
}
