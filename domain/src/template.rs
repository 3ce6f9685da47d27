//! The texts people receive: built-in ones per language, an administrator's own over them, strict about
//! what they are given.
//!
//! A kind's texts come in sections per channel, each a template of its own that yields plain text. Mails
//! wrap these plain texts in one layout, and the HTML layout escapes every value, so nothing that a person
//! typed can become markup.

use std::collections::BTreeMap;

use minijinja::value::Serde;
use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value};
use serde::Serialize;
use thiserror::Error;

use crate::{account, setting};

/// What is compiled in.
mod builtin;
/// The channels that have words of their own.
mod medium;
/// Writing a message of each channel.
mod write;

pub use medium::{Medium, PUSH_BODY, PUSH_TITLE, Section};

/// Longest template of a section, in characters.
pub const MOST_CHARACTERS: usize = 4000;
/// What every text may call the house by.
const HOUSE: &str = "house";
/// Steps that one section may take: a hundred times what the longest built-in one does.
const FUEL: u64 = 20_000;

/// A text that could not be made.
#[derive(Debug, Error)]
pub enum TemplateError {
    #[error("template {name} is broken: {detail}")]
    Broken {
        name: String,
        /// Where in the section, from 1.
        line: Option<usize>,
        detail: String,
    },
    #[error("there is no template for {0} in any language")]
    Missing(String),
}

/// A title with what stands below it.
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

/// What a mail has around its words.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    pub rows: &'a [Row],
    /// Where its button leads.
    pub page: &'a str,
    /// Where one switches off mails of its kind.
    pub unsubscribe: Option<&'a str>,
}

/// An administrator's own words in place of the built-in ones.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Override {
    pub kind: String,
    pub medium: Medium,
    /// A language tag, such as `vi` or `vi-VN`.
    pub language: String,
    pub sections: BTreeMap<String, String>,
}

/// Every text of the house, parsed once.
pub struct Templates {
    environment: Environment<'static>,
    words: BTreeMap<&'static str, BTreeMap<&'static str, &'static str>>,
    /// What the house is called, and where people turn with a question.
    house: String,
    contact: Option<String>,
    /// By section, the languages in which there is one and the template's name. Overrides come first.
    places: BTreeMap<String, Vec<(String, String)>>,
}

impl Templates {
    /// Parses the built-in texts.
    ///
    /// # Errors
    /// When one of them is malformed.
    pub fn builtin() -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        environment.add_global(HOUSE, setting::NAME);
        // What is not there for every reader must be asked for first, or "none" would be read.
        environment.set_formatter(|out, state, value| {
            if value.is_none() {
                let detail = "a value that is not always there";
                return Err(minijinja::Error::new(ErrorKind::UndefinedError, detail));
            }
            minijinja::escape_formatter(out, state, value)
        });
        for (name, source) in builtin::LAYOUTS {
            environment
                .add_template(name, source)
                .map_err(|error| broken(name, &error))?;
        }
        let words = builtin::WORDS.into_iter();
        let mut templates = Self {
            environment,
            words: words
                .map(|(language, source)| (language, builtin::dictionary(source)))
                .collect(),
            house: setting::NAME.to_owned(),
            contact: None,
            places: BTreeMap::new(),
        };
        for (language, files) in builtin::TEXTS {
            for (kind, source) in files {
                for (section, source) in builtin::sections(source) {
                    if let Some((medium, section)) = builtin::place(&section) {
                        templates.add("", language, kind, medium, section, source)?;
                    }
                }
            }
        }
        Ok(templates)
    }

    /// The built-in texts with these over them. What does not parse is answered with its fault, and the
    /// built-in text stays.
    ///
    /// # Errors
    /// When a built-in text is malformed.
    pub fn with(
        overrides: impl IntoIterator<Item = Override>,
    ) -> Result<(Self, Vec<TemplateError>), TemplateError> {
        let mut templates = Self::builtin()?;
        let mut faults = Vec::new();
        for own in overrides {
            let Override {
                kind,
                medium,
                language,
                sections,
            } = own;
            for (section, source) in sections {
                let added = templates.add("own:", &language, &kind, medium, &section, source);
                faults.extend(added.err());
            }
        }
        Ok((templates, faults))
    }

    /// The same texts of a house of this name, with where people turn with a question.
    #[must_use]
    pub fn named(mut self, house: &str, contact: Option<&str>) -> Self {
        self.environment.add_global(HOUSE, house);
        house.clone_into(&mut self.house);
        self.contact = contact.map(str::to_owned);
        self
    }

    /// What the house is called.
    pub fn house(&self) -> &str {
        &self.house
    }

    /// Every kind of message there is.
    pub fn kinds() -> Vec<&'static str> {
        builtin::TEXTS[0].1.iter().map(|(kind, _)| *kind).collect()
    }

    /// The built-in sections of a kind on a channel in a language, empty where the inbox's words serve.
    pub fn builtin_sections(
        kind: &str,
        medium: Medium,
        language: &str,
    ) -> BTreeMap<String, String> {
        let texts = builtin::TEXTS.iter();
        let files = texts.filter(|(known, _)| *known == language);
        let files = files.flat_map(|(_, files)| files.iter());
        files
            .filter(|(known, _)| *known == kind)
            .flat_map(|(_, source)| builtin::sections(source))
            .filter_map(|(section, source)| {
                let (place, section) = builtin::place(&section)?;
                (place == medium).then(|| (section.to_owned(), source))
            })
            .collect()
    }

    /// What a template names that it does not make itself.
    ///
    /// # Errors
    /// When it is not a template.
    pub fn names(source: &str) -> Result<Vec<String>, TemplateError> {
        let environment = Environment::new();
        let template = environment
            .template_from_str(source)
            .map_err(|error| broken("", &error))?;
        let globals: Vec<&str> = environment.globals().map(|(name, _)| name).collect();
        let mut names: Vec<String> = template.undeclared_variables(false).into_iter().collect();
        names.retain(|name| name != HOUSE && !globals.contains(&name.as_str()));
        names.sort();
        Ok(names)
    }

    /// What one section makes of a scene.
    ///
    /// # Errors
    /// As [`Templates::note`].
    pub(crate) fn try_section(
        &self,
        locale: &str,
        kind: &str,
        medium: Medium,
        section: &str,
        scene: &impl Serialize,
    ) -> Result<String, TemplateError> {
        self.section(locale, kind, medium, section, &Value::from(Serde(scene)))
    }

    /// A word of the frame in the reader's language; the key itself if nobody translated it.
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
        medium: Medium,
        section: &str,
        scene: &Value,
    ) -> Result<String, TemplateError> {
        Ok(one_line(
            &self.section(locale, kind, medium, section, scene)?,
        ))
    }

    fn section(
        &self,
        locale: &str,
        kind: &str,
        medium: Medium,
        section: &str,
        scene: &Value,
    ) -> Result<String, TemplateError> {
        let missing = || TemplateError::Missing(key(kind, medium, section));
        let name = self.place(locale, kind, medium, section);
        self.render(name.ok_or_else(missing)?, scene)
    }

    /// The template that serves: in the closest language first, there the channel's own before the
    /// inbox's, and of either an administrator's before the built-in one.
    fn place(&self, locale: &str, kind: &str, medium: Medium, section: &str) -> Option<&str> {
        let own = self.places.get(&key(kind, medium, section));
        let generic = medium.generic(section);
        let generic =
            generic.and_then(|section| self.places.get(&key(kind, Medium::Inbox, section)));
        fallbacks(locale).find_map(|language| {
            let mut places = [own, generic].into_iter().flatten().flatten();
            let found = places.find(|(known, _)| known.eq_ignore_ascii_case(language))?;
            Some(found.1.as_str())
        })
    }

    fn add(
        &mut self,
        prefix: &str,
        language: &str,
        kind: &str,
        medium: Medium,
        section: &str,
        source: String,
    ) -> Result<(), TemplateError> {
        let key = key(kind, medium, section);
        let name = format!("{prefix}{language}/{key}");
        self.environment
            .add_template_owned(name.clone(), source)
            .map_err(|error| broken(&name, &error))?;
        let places = self.places.entry(key).or_default();
        places.insert(0, (language.to_owned(), name));
        Ok(())
    }

    fn render(&self, name: &str, scene: &Value) -> Result<String, TemplateError> {
        self.environment
            .get_template(name)
            .and_then(|template| template.render(scene))
            .map_err(|error| broken(name, &error))
    }
}

fn key(kind: &str, medium: Medium, section: &str) -> String {
    format!("{kind}/{}.{section}", medium.as_str())
}

/// A language tag and the wider ones that it belongs to: `vi-VN`, then `vi`.
pub(crate) fn widened(tag: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(tag);
    std::iter::from_fn(move || {
        let tag = rest?;
        rest = tag.rfind('-').map(|end| &tag[..end]);
        Some(tag)
    })
}

/// The languages to look in for a reader: `vi-VN`, then `vi`, then English.
fn fallbacks(locale: &str) -> impl Iterator<Item = &str> {
    widened(locale).chain(std::iter::once(account::LANGUAGES[0]))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// At most so many characters.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

fn broken(name: &str, error: &minijinja::Error) -> TemplateError {
    TemplateError::Broken {
        name: name.to_owned(),
        line: error.line(),
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
    fn a_missing_variable_is_an_error_and_not_a_gap() {
        let templates = Templates::builtin().unwrap();
        let refused = templates.note("en", "booking.created", &BTreeMap::<&str, &str>::new());
        assert!(matches!(refused, Err(TemplateError::Broken { .. })));
    }

    /// Own words for a kind that exists, each saying whose they are.
    fn own(medium: Medium, language: &str, sections: &[&str]) -> Override {
        Override {
            kind: "booking.kept".to_owned(),
            medium,
            language: language.to_owned(),
            sections: sections
                .iter()
                .map(|section| {
                    let text = format!("{} {language} {section}", medium.as_str());
                    ((*section).to_owned(), text)
                })
                .collect(),
        }
    }

    #[test]
    fn the_closest_language_wins_then_the_channels_own_words_then_the_administrators() {
        let inbox = |language| own(Medium::Inbox, language, &["title", "body"]);
        let push = own(Medium::Push, "vi", &["title", "body"]);
        let (templates, faults) = Templates::with([inbox("vi-VN"), push, inbox("en")]).unwrap();
        assert!(faults.is_empty());
        let scene = BTreeMap::from([("by", "me"), ("other", "Ann"), ("starts", "now")]);
        let title = |locale| {
            templates
                .push(locale, "booking.kept", &scene)
                .unwrap()
                .title
        };
        assert_eq!(title("vi-VN"), "inbox vi-VN title");
        assert_eq!(title("vi-VN-x"), "inbox vi-VN title");
        assert_eq!(title("vi"), "push vi title");
        assert_eq!(title("VI"), "push vi title");
        assert_eq!(title("fr"), "inbox en title");
        assert_eq!(title("zh"), "您保留了与Ann的预约时间");
        let note = templates.telegram("en", "booking.kept", &scene).unwrap();
        assert_eq!(note.body, "inbox en body");
    }

    #[test]
    fn words_that_run_without_end_are_stopped() {
        let mut endless = own(Medium::Inbox, "en", &["body"]);
        let source =
            "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
        endless
            .sections
            .insert("title".to_owned(), source.to_owned());
        let (templates, _) = Templates::with([endless]).unwrap();
        let scene = BTreeMap::from([("by", "me")]);
        let stopped = templates.note("en", "booking.kept", &scene);
        assert!(matches!(stopped, Err(TemplateError::Broken { .. })));
    }
}
