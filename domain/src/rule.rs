//! The rules that turn an event into notifications: data that administrators edit, read here once and applied
//! many times.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use minijinja::value::{Serde, ValueKind};
use minijinja::{Environment, Expression, UndefinedBehavior, Value};
use serde::{Deserialize, Serialize};

use crate::calendar::Method;
use crate::channel::Way;
use crate::event::EventType;
use crate::field::FieldError;
use crate::gate::Class;
use crate::notification::{Audience, Category, Page};

/// The rules that the house comes with, by id, as they are kept.
pub const DEFAULTS: &str = include_str!("rule/defaults.json");

/// Longest condition, in characters.
pub const LONGEST_CONDITION: usize = 1000;
/// Longest delay, in minutes: thirty days.
pub const LONGEST_DELAY: i64 = 30 * 24 * 60;
/// Steps that a condition may take before it counts as broken.
const FUEL: u64 = 20_000;

/// One line of the rule book, as it is kept: on this event, this side is told this, so.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    pub on: EventType,
    pub audience: Audience,
    /// An expression over the event's facts; the rule applies where it is true, and always without one.
    pub condition: Option<String>,
    /// What the reader's programs see, and the name of the texts.
    pub kind: String,
    pub category: Category,
    pub class: Class,
    /// Sent whatever the reader chose, also in their quiet hours.
    pub critical: bool,
    /// Whether it leaves an entry in the inbox.
    pub inbox: bool,
    /// The ways it is sent by, all at once.
    pub channels: Vec<Way>,
    /// The ways by which also the person who did it is told.
    pub own: Vec<Way>,
    /// The ways it is sent by when those before have failed, one after the other.
    pub fallback: Vec<Way>,
    /// How long after the event messages leave, in minutes. The inbox does not wait.
    pub delay_minutes: i64,
    /// The calendar file that goes with a mail.
    pub calendar: Option<Method>,
    /// Where a button leads.
    pub page: Page,
    pub enabled: bool,
}

/// A rule in force.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Stable name; with event and reader it makes an entry or a message unique.
    pub id: String,
    pub version: i64,
    pub draft: Draft,
    condition: Option<Condition>,
}

impl Rule {
    /// Reads a rule as it is kept. A condition that cannot be read lets the rule apply always, and says so in
    /// every decision: a message too many is better than one that is missing.
    pub fn new(id: String, version: i64, draft: Draft) -> Self {
        let condition = draft.condition.as_deref().map(|source| {
            Condition::parse(source).unwrap_or_else(|fault| Condition(Err(fault.to_string())))
        });
        Self {
            id,
            version,
            draft,
            condition,
        }
    }

    /// Whether the rule's condition holds for these facts, and what is wrong with it if it cannot be said.
    pub fn applies(&self, scene: &serde_json::Value) -> (bool, Option<String>) {
        match &self.condition {
            None => (true, None),
            Some(condition) => match condition.holds(scene) {
                Ok(holds) => (holds, None),
                Err(fault) => (true, Some(fault)),
            },
        }
    }
}

/// Why a condition cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConditionFault(String);

/// An expression over an event's facts, in the language of the templates (Jinja): `mode == "online"`,
/// `status == "pending" and minutes_to_start < 120`. It has no loops, and its steps are counted.
#[derive(Clone)]
pub struct Condition(Result<std::sync::Arc<Expression<'static, 'static>>, String>);

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_ok() {
            "Condition"
        } else {
            "Condition(broken)"
        })
    }
}

static LANGUAGE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut language = Environment::new();
    language.set_undefined_behavior(UndefinedBehavior::Strict);
    language.set_fuel(Some(FUEL));
    language
});

impl Condition {
    /// Reads an expression.
    ///
    /// # Errors
    /// When it is not one.
    pub fn parse(source: &str) -> Result<Self, ConditionFault> {
        let parsed = LANGUAGE.compile_expression_owned(source.to_owned());
        let expression = parsed.map_err(|error| ConditionFault(said(&error)))?;
        Ok(Self(Ok(std::sync::Arc::new(expression))))
    }

    /// Whether it is true of the facts.
    ///
    /// # Errors
    /// When it names something that the facts do not have, or is neither true nor false.
    pub fn holds(&self, scene: &serde_json::Value) -> Result<bool, String> {
        let expression = self.0.as_ref().map_err(Clone::clone)?;
        let value = expression
            .eval(Value::from(Serde(scene)))
            .map_err(|error| said(&error))?;
        match value.kind() {
            ValueKind::Bool => Ok(value.is_true()),
            other => Err(format!("the condition is a {other}, not true or false")),
        }
    }
}

fn said(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

/// The rules in force, by the event they are for.
#[derive(Clone, Debug, Default)]
pub struct RuleBook {
    rules: Vec<Rule>,
}

impl RuleBook {
    /// A book of these rules, in the order of their ids.
    pub fn new(mut rules: Vec<Rule>) -> Self {
        rules.sort_by(|left, right| left.id.cmp(&right.id));
        Self { rules }
    }

    /// The book that the house comes with.
    ///
    /// # Errors
    /// Never, unless the file itself is broken.
    pub fn defaults() -> Result<Self, serde_json::Error> {
        let drafts: BTreeMap<String, Draft> = serde_json::from_str(DEFAULTS)?;
        let rules = drafts.into_iter();
        Ok(Self::new(
            rules.map(|(id, draft)| Rule::new(id, 1, draft)).collect(),
        ))
    }

    /// Those that are switched on for an event.
    pub fn on(&self, kind: EventType) -> impl Iterator<Item = &Rule> {
        let on = move |rule: &&Rule| rule.draft.enabled && rule.draft.on == kind;
        self.rules.iter().filter(on)
    }

    /// Every rule.
    pub fn all(&self) -> &[Rule] {
        &self.rules
    }
}

impl Draft {
    /// What is wrong with a rule that somebody wants to keep; `kinds` are the texts there are, `scenes` facts
    /// of events of its type, on which its condition is tried.
    pub fn faults(&self, kinds: &[&str], scenes: &[serde_json::Value]) -> Vec<FieldError> {
        let mut faults = Vec::new();
        let mut fault = |pointer: &'static str, detail: String| {
            faults.push(FieldError::new(pointer, FieldError::INVALID, detail));
        };
        if !kinds.contains(&self.kind.as_str()) {
            fault("/kind", "There are no texts of this name.".to_owned());
        }
        if let Some(source) = &self.condition {
            if source.chars().count() > LONGEST_CONDITION {
                fault(
                    "/condition",
                    format!("A condition has at most {LONGEST_CONDITION} characters."),
                );
            } else if let Err(detail) = tried(source, scenes) {
                fault("/condition", detail);
            }
        }
        if !(0..=LONGEST_DELAY).contains(&self.delay_minutes) {
            fault(
                "/delay_minutes",
                format!("A delay is between 0 and {LONGEST_DELAY} minutes."),
            );
        }
        let repeated = |ways: &[Way]| (1..ways.len()).any(|i| ways[..i].contains(&ways[i]));
        for (pointer, ways) in [
            ("/channels", &self.channels),
            ("/fallback", &self.fallback),
            ("/own", &self.own),
        ] {
            if repeated(ways) {
                fault(pointer, "Each way stands here once.".to_owned());
            }
        }
        if self.fallback.iter().any(|way| self.channels.contains(way)) {
            fault(
                "/fallback",
                "A way that is used at once is no second way.".to_owned(),
            );
        }
        if !self.fallback.is_empty() && self.channels.is_empty() {
            fault("/fallback", "A second way needs a first one.".to_owned());
        }
        if !self.audience.fits(self.on) {
            fault(
                "/audience",
                "This audience does not exist for this event.".to_owned(),
            );
        }
        if self.calendar.is_some() && !self.on.is_of_booking() {
            fault(
                "/calendar",
                "Only bookings have a calendar file.".to_owned(),
            );
        }
        if !self.page.fits(self.on) {
            fault("/page", "This event does not lead to that page.".to_owned());
        }
        if self.critical && self.class == Class::Marketing {
            fault(
                "/critical",
                "An advertisement is never critical.".to_owned(),
            );
        }
        faults
    }
}

fn tried(source: &str, scenes: &[serde_json::Value]) -> Result<(), String> {
    let condition = Condition::parse(source).map_err(|fault| fault.to_string())?;
    scenes
        .iter()
        .try_for_each(|scene| condition.holds(scene).map(drop))
}
