//! The texts people receive: built-in templates per language, strict about what they are given.
//!
//! A file of texts has sections (`[title]`, `[body]`, …), each a template of its own that yields plain
//! text. Mails wrap these plain texts in one layout, and the HTML layout escapes every value, so
//! nothing that a person typed can become markup.

use std::collections::BTreeMap;

use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value};
use serde::Serialize;
use thiserror::Error;

use crate::account;

/// A text that could not be made.
#[derive(Debug, Error)]
pub enum TemplateError {
    #[error("template {name} is broken: {detail}")]
    Broken { name: String, detail: String },
    #[error("there is no template for {0} in any language")]
    Missing(String),
}

/// An inbox entry's words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    pub title: String,
    pub body: String,
}

/// A mail's words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mail {
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// One labelled line of a mail.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Row {
    pub label: String,
    pub value: String,
    /// Makes the value a link. Must have passed [`crate::calendar::is_web_address`].
    pub href: Option<String>,
}

/// Every text of the house, parsed once.
pub struct Templates {
    environment: Environment<'static>,
    words: BTreeMap<&'static str, BTreeMap<&'static str, &'static str>>,
}

/// The languages with built-in texts, and each one's words and files.
type Texts = &'static [(&'static str, &'static str)];

macro_rules! texts {
    ($language:literal) => {
        texts!(
            $language,
            "words",
            "account.registered",
            "account.password_forgotten",
            "booking.created",
            "booking.confirmed",
            "booking.rejected",
            "booking.cancelled",
            "booking.rescheduled",
            "booking.edited",
            "booking.clock_moved",
            "booking.kept",
            "booking.reminder",
            "booking.missed",
            "booking.completed",
            "booking.review_asked",
            "booking.reviewed",
            "digest.closed",
            "webhook.disabled"
        )
    };
    ($language:literal, $($name:literal),+) => {
        ($language, &[$((
            $name,
            include_str!(concat!("../templates/", $language, "/", $name, ".txt")),
        )),+])
    };
}

const TEXTS: [(&str, Texts); 3] = [texts!("en"), texts!("vi"), texts!("zh")];
const LAYOUTS: [(&str, &str); 2] = [
    ("layout.html", include_str!("../templates/layout.html")),
    ("layout.txt", include_str!("../templates/layout.txt")),
];

impl Templates {
    /// Parses the built-in texts.
    ///
    /// # Errors
    /// When one of them is malformed.
    pub fn builtin() -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        for (name, source) in LAYOUTS {
            environment
                .add_template(name, source)
                .map_err(|error| broken(name, &error))?;
        }
        let mut words = BTreeMap::new();
        for (language, files) in TEXTS {
            for (file, source) in files {
                if *file == "words" {
                    words.insert(language, dictionary(source));
                    continue;
                }
                for (section, source) in sections(source) {
                    let name = format!("{language}/{file}/{section}");
                    environment
                        .add_template_owned(name.clone(), source)
                        .map_err(|error| broken(&name, &error))?;
                }
            }
        }
        Ok(Self { environment, words })
    }

    /// The kinds of notification there are texts for.
    pub fn kinds() -> Vec<&'static str> {
        let (_, files) = TEXTS[0];
        let kinds = files.iter().map(|(file, _)| *file);
        kinds.filter(|file| *file != "words").collect()
    }

    /// Writes an inbox entry of this kind in the reader's language.
    ///
    /// # Errors
    /// When there is no such text or `scene` lacks something it names.
    pub fn note(
        &self,
        locale: &str,
        kind: &str,
        scene: &impl Serialize,
    ) -> Result<Note, TemplateError> {
        let scene = Value::from(Serde(scene));
        Ok(Note {
            title: self.line(locale, kind, "title", &scene)?,
            body: self.line(locale, kind, "body", &scene)?,
        })
    }

    /// Writes a mail of this kind in the reader's language; `page` is where its button leads.
    ///
    /// # Errors
    /// As [`Templates::note`].
    pub fn mail(
        &self,
        locale: &str,
        kind: &str,
        scene: &impl Serialize,
        rows: &[Row],
        page: &str,
    ) -> Result<Mail, TemplateError> {
        let scene = Value::from(Serde(scene));
        let subject = self.line(locale, kind, "subject", &scene)?;
        let lead = self.section(locale, kind, "lead", &scene)?;
        let paragraphs: Vec<&str> = lead.split("\n\n").map(str::trim).collect();
        let frame = Value::from(Serde(Frame {
            language: account::language_of(locale),
            house: self.word(locale, "house"),
            fallback: self.word(locale, "fallback"),
            footer: self.word(locale, "footer"),
            subject: &subject,
            preview: paragraphs.first().copied().unwrap_or_default(),
            heading: self.line(locale, kind, "title", &scene)?,
            paragraphs: &paragraphs,
            rows,
            action: Action {
                label: self.line(locale, kind, "action", &scene)?,
                url: page,
            },
        }));
        let text = self.render("layout.txt", &frame)?;
        let html = self.render("layout.html", &frame)?;
        Ok(Mail {
            subject,
            text,
            html,
        })
    }

    /// A word of the mail's frame in the reader's language; the key itself if nobody translated it.
    pub fn word<'a>(&'a self, locale: &str, key: &'a str) -> &'a str {
        fallbacks(locale)
            .find_map(|language| self.words.get(language)?.get(key).copied())
            .unwrap_or(key)
    }

    /// The same as [`Templates::word`] with `{}` replaced by `value`.
    pub fn phrase(&self, locale: &str, key: &str, value: &str) -> String {
        one_line(&self.word(locale, key).replace("{}", value))
    }

    /// A section that must be one line: what a person typed over several lines is joined.
    fn line(
        &self,
        locale: &str,
        kind: &str,
        section: &str,
        scene: &Value,
    ) -> Result<String, TemplateError> {
        Ok(one_line(&self.section(locale, kind, section, scene)?))
    }

    fn section(
        &self,
        locale: &str,
        kind: &str,
        section: &str,
        scene: &Value,
    ) -> Result<String, TemplateError> {
        let name = fallbacks(locale)
            .map(|language| format!("{language}/{kind}/{section}"))
            .find(|name| self.environment.get_template(name).is_ok())
            .ok_or_else(|| TemplateError::Missing(format!("{kind}/{section}")))?;
        self.render(&name, scene)
    }

    fn render(&self, name: &str, scene: &Value) -> Result<String, TemplateError> {
        self.environment
            .get_template(name)
            .and_then(|template| template.render(scene))
            .map_err(|error| broken(name, &error))
    }
}

/// What the layouts are given.
#[derive(Serialize)]
struct Frame<'a> {
    language: &'a str,
    house: &'a str,
    fallback: &'a str,
    footer: &'a str,
    subject: &'a str,
    preview: &'a str,
    heading: String,
    paragraphs: &'a [&'a str],
    rows: &'a [Row],
    action: Action<'a>,
}

#[derive(Serialize)]
struct Action<'a> {
    label: String,
    url: &'a str,
}

/// The languages to look in for a reader: `vi-VN`, then `vi`, then English.
fn fallbacks(locale: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(locale);
    std::iter::from_fn(move || {
        let tag = rest?;
        rest = tag.rfind('-').map(|end| &tag[..end]);
        Some(tag)
    })
    .chain(std::iter::once(account::LANGUAGES[0]))
}

/// Splits a file of texts at its `[section]` lines.
fn sections(source: &str) -> Vec<(String, String)> {
    let mut sections: Vec<(String, String)> = Vec::new();
    for line in source.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            sections.push((name.to_owned(), String::new()));
        } else if let Some((_, text)) = sections.last_mut() {
            text.push_str(line);
            text.push('\n');
        }
    }
    for (_, text) in &mut sections {
        *text = text.trim().to_owned();
    }
    sections
}

/// Reads `key = words` lines.
fn dictionary(source: &'static str) -> BTreeMap<&'static str, &'static str> {
    source
        .lines()
        .filter_map(|line| line.split_once(" = "))
        .collect()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn broken(name: &str, error: &minijinja::Error) -> TemplateError {
    TemplateError::Broken {
        name: name.to_owned(),
        detail: format!("{error:#}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_tried_from_the_closest_to_english() {
        let tried = |locale| fallbacks(locale).collect::<Vec<_>>();
        assert_eq!(tried("vi-VN"), ["vi-VN", "vi", "en"]);
        assert_eq!(tried("zh-Hant-TW"), ["zh-Hant-TW", "zh-Hant", "zh", "en"]);
        assert_eq!(tried("fr"), ["fr", "en"]);
    }

    #[test]
    fn every_language_has_the_same_texts() {
        let shape = |files: Texts| {
            files
                .iter()
                .flat_map(|(file, source)| {
                    let keys: Vec<String> = if *file == "words" {
                        dictionary(source).into_keys().map(str::to_owned).collect()
                    } else {
                        sections(source).into_iter().map(|(name, _)| name).collect()
                    };
                    keys.into_iter().map(move |key| format!("{file}/{key}"))
                })
                .collect::<Vec<_>>()
        };
        let [first, others @ ..] = TEXTS;
        for (language, files) in others {
            assert_eq!(shape(files), shape(first.1), "{language}");
        }
    }

    #[test]
    fn a_missing_variable_is_an_error_and_not_a_gap() {
        let templates = Templates::builtin().unwrap();
        let refused = templates.note("en", "booking.created", &BTreeMap::<&str, &str>::new());
        assert!(matches!(refused, Err(TemplateError::Broken { .. })));
    }
}
