//! Texts that Zalo has approved beforehand, and what of a message fills their gaps.

use std::collections::BTreeMap;

use chrono::DateTime;
use chrono_tz::Tz;
use minijinja::value::Serde;
use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value};
use serde::{Deserialize, Serialize};

use crate::template::widened;

/// One approved text.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Approved {
    /// The kind of message that it carries, such as `booking.confirmed`.
    pub kind: String,
    /// The readers' language; empty for any.
    #[serde(default)]
    pub language: String,
    /// Its name at Zalo.
    pub template_id: String,
    /// An expression for each gap, such as `data.code`.
    pub data: BTreeMap<String, String>,
}

/// What the expressions may name.
#[derive(Clone, Debug, Serialize)]
pub struct Scene<'a> {
    pub to_name: &'a str,
    pub title: &'a str,
    pub text: &'a str,
    pub url: Option<&'a str>,
    pub language: &'a str,
    pub data: &'a serde_json::Value,
}

/// Every approved text.
#[derive(Debug)]
pub struct Approvals {
    texts: Vec<Approved>,
    environment: Environment<'static>,
}

impl Approvals {
    /// Checks that every expression can be read. `zone` is the clock of the filter `local`.
    ///
    /// # Errors
    /// What is wrong with which one.
    pub fn parse(texts: Vec<Approved>, zone: Tz) -> Result<Self, String> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(10_000));
        environment.add_filter("local", move |at: String, format: String| {
            local(&at, &format, zone)
        });
        environment.add_filter("cut", |text: String, most: usize| {
            text.chars().take(most).collect::<String>()
        });
        for text in &texts {
            for (name, source) in &text.data {
                environment
                    .compile_expression(source)
                    .map_err(|error| format!("{} {name}: {error}", text.template_id))?;
            }
        }
        Ok(Self { texts, environment })
    }

    /// The text for a kind of message in a reader's language, or one for any language.
    pub fn find(&self, kind: &str, language: &str) -> Option<&Approved> {
        let of_kind = || self.texts.iter().filter(|text| text.kind == kind);
        // The empty language stands for any.
        let mut wanted = widened(language).chain([""]);
        wanted.find_map(|wanted| of_kind().find(|text| text.language == wanted))
    }

    /// What fills a text's gaps.
    ///
    /// # Errors
    /// When an expression names what is not there, or comes to anything but a text or a number.
    pub fn fill(
        &self,
        text: &Approved,
        scene: &Scene,
    ) -> Result<serde_json::Map<String, serde_json::Value>, String> {
        let scene = Value::from(Serde(scene));
        let fill = |(name, source): (&String, &String)| {
            let value = self
                .environment
                .compile_expression(source)
                .and_then(|expression| expression.eval(&scene))
                .map_err(|error| format!("{name}: {error}"))?;
            match serde_json::to_value(&value) {
                Ok(value) if value.is_string() || value.is_number() => Ok((name.clone(), value)),
                _ => Err(format!(
                    "{name}: {source} is {value}, neither text nor number"
                )),
            }
        };
        text.data.iter().map(fill).collect()
    }
}

/// An instant on the clock of a zone.
fn local(at: &str, format: &str, zone: Tz) -> Result<String, minijinja::Error> {
    let fault = |detail: String| minijinja::Error::new(ErrorKind::InvalidOperation, detail);
    let at = DateTime::parse_from_rfc3339(at).map_err(|error| fault(format!("{at}: {error}")))?;
    let mut written = String::new();
    // Unlike `to_string`, this does not panic over a format that makes no sense.
    std::fmt::write(
        &mut written,
        format_args!("{}", at.with_timezone(&zone).format(format)),
    )
    .map_err(|_| fault(format!("{format} is no format of a time")))?;
    Ok(written)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn approved(kind: &str, language: &str, id: &str, data: &[(&str, &str)]) -> Approved {
        let data = data.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Approved {
            kind: kind.to_owned(),
            language: language.to_owned(),
            template_id: id.to_owned(),
            data: data.collect(),
        }
    }

    fn parse(texts: Vec<Approved>) -> Result<Approvals, String> {
        Approvals::parse(texts, chrono_tz::Asia::Ho_Chi_Minh)
    }

    #[test]
    fn the_closest_language_has_it_and_any_language_last() {
        let approvals = parse(vec![
            approved("booking.confirmed", "", "any", &[]),
            approved("booking.confirmed", "vi", "vi", &[]),
            approved("booking.created", "vi", "created", &[]),
        ])
        .unwrap();
        let find = |kind, language| {
            approvals
                .find(kind, language)
                .map(|t| t.template_id.as_str())
        };
        assert_eq!(find("booking.confirmed", "vi-VN"), Some("vi"));
        assert_eq!(find("booking.confirmed", "en"), Some("any"));
        assert_eq!(find("booking.created", "vi"), Some("created"));
        assert_eq!(find("booking.created", "en"), None);
        assert_eq!(find("booking.missed", "vi"), None);
    }

    #[test]
    fn gaps_are_filled_from_the_facts_on_the_readers_clock() {
        let data = [
            ("name", "to_name|cut(5)"),
            ("code", "data.code"),
            ("time", "data.starts_at|local('%H:%M %d/%m/%Y')"),
            ("minutes", "data.minutes"),
        ];
        let approvals = parse(vec![approved("x", "", "1", &data)]).unwrap();
        let facts = json!({ "code": "123456", "starts_at": "2027-03-01T20:30:00Z", "minutes": 30 });
        let scene = |data| Scene {
            to_name: "Nguyễn Ánh",
            title: "",
            text: "",
            url: None,
            language: "vi",
            data,
        };
        let text = approvals.find("x", "vi").unwrap();
        let filled = approvals.fill(text, &scene(&facts)).unwrap();
        let expected =
            json!({ "name": "Nguyễ", "code": "123456", "time": "03:30 02/03/2027", "minutes": 30 });
        assert_eq!(serde_json::Value::Object(filled), expected);
        let lacking = json!({ "code": "1", "starts_at": "soon" });
        assert!(approvals.fill(text, &scene(&lacking)).is_err());
    }

    #[test]
    fn what_cannot_be_read_is_refused_at_the_start() {
        assert!(parse(vec![approved("x", "", "1", &[("a", "data.")])]).is_err());
        let odd = [("a", "data.starts_at|local('%Q')"), ("b", "data")];
        for (name, source) in odd {
            let approvals = parse(vec![approved("x", "", "1", &[(name, source)])]).unwrap();
            let facts = json!({ "starts_at": "2027-03-01T20:30:00Z" });
            let scene = Scene {
                to_name: "",
                title: "",
                text: "",
                url: None,
                language: "",
                data: &facts,
            };
            let text = approvals.find("x", "").unwrap();
            assert!(approvals.fill(text, &scene).is_err(), "{source}");
        }
    }
}
