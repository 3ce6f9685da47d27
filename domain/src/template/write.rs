//! Writing a message of each channel in its reader's language.

use minijinja::Value;
use minijinja::value::Serde;
use serde::Serialize;

use super::{
    Envelope, Mail, Medium, Note, PUSH_BODY, PUSH_TITLE, Row, TemplateError, Templates, one_line,
    shortened,
};
use crate::{account, sms};

impl Templates {
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
            title: self.line(locale, kind, Medium::Inbox, "title", &scene)?,
            body: self.line(locale, kind, Medium::Inbox, "body", &scene)?,
        })
    }

    /// Writes a mail of this kind in the reader's language.
    ///
    /// # Errors
    /// As [`Templates::note`].
    pub fn mail(
        &self,
        locale: &str,
        kind: &str,
        scene: &impl Serialize,
        envelope: Envelope<'_>,
    ) -> Result<Mail, TemplateError> {
        const EMAIL: Medium = Medium::Email;
        let scene = Value::from(Serde(scene));
        let subject = self.line(locale, kind, EMAIL, "subject", &scene)?;
        let lead = self.section(locale, kind, EMAIL, "lead", &scene)?;
        let paragraphs: Vec<&str> = lead.split("\n\n").map(str::trim).collect();
        let contact = self.contact.as_deref();
        let contact = contact.map(|contact| self.phrase(locale, "contact", contact));
        let frame = Value::from(Serde(Frame {
            language: account::language_of(locale),
            house: &self.house,
            fallback: self.word(locale, "fallback"),
            footer: &self.phrase(locale, "footer", &self.house),
            contact: contact.as_deref(),
            subject: &subject,
            preview: paragraphs.first().copied().unwrap_or_default(),
            heading: self.line(locale, kind, EMAIL, "title", &scene)?,
            paragraphs: &paragraphs,
            rows: envelope.rows,
            action: Action {
                label: match self.place(locale, kind, EMAIL, "action") {
                    Some(name) => one_line(&self.render(name, &scene)?),
                    None => self.word(locale, "open").to_owned(),
                },
                url: envelope.page,
            },
            unsubscribe: envelope.unsubscribe.map(|url| Action {
                label: self.word(locale, "unsubscribe").to_owned(),
                url,
            }),
        }));
        let text = self.render("layout.txt", &frame)?;
        let html = self.render("layout.html", &frame)?;
        Ok(Mail {
            subject,
            text,
            html,
        })
    }

    /// Writes a text message of this kind in the reader's language, as it is sent: `label` first, without
    /// accents where that makes it fit the GSM alphabet, and no longer than [`sms::fits`].
    ///
    /// # Errors
    /// As [`Templates::note`].
    pub fn sms(
        &self,
        locale: &str,
        kind: &str,
        label: &str,
        scene: &impl Serialize,
    ) -> Result<String, TemplateError> {
        let value = Value::from(Serde(scene));
        let text = match self.place(locale, kind, Medium::Sms, "text") {
            Some(name) => one_line(&self.render(name, &value)?),
            None => {
                let Note { title, body } = self.note(locale, kind, scene)?;
                format!("{}: {title}. {body}", self.house)
            }
        };
        Ok(sms::cut(&sms::plain(&format!("{label}{text}"))))
    }

    /// Writes a chat message of this kind in the reader's language.
    ///
    /// # Errors
    /// As [`Templates::note`].
    pub fn telegram(
        &self,
        locale: &str,
        kind: &str,
        scene: &impl Serialize,
    ) -> Result<Note, TemplateError> {
        let scene = Value::from(Serde(scene));
        Ok(Note {
            title: self.line(locale, kind, Medium::Telegram, "title", &scene)?,
            body: self.section(locale, kind, Medium::Telegram, "text", &scene)?,
        })
    }

    /// Writes a push of this kind in the reader's language, no longer than [`PUSH_TITLE`] and
    /// [`PUSH_BODY`].
    ///
    /// # Errors
    /// As [`Templates::note`].
    pub fn push(
        &self,
        locale: &str,
        kind: &str,
        scene: &impl Serialize,
    ) -> Result<Note, TemplateError> {
        let scene = Value::from(Serde(scene));
        let title = self.line(locale, kind, Medium::Push, "title", &scene)?;
        let body = self.line(locale, kind, Medium::Push, "body", &scene)?;
        Ok(Note {
            title: shortened(&title, PUSH_TITLE),
            body: shortened(&body, PUSH_BODY),
        })
    }
}

/// What the layouts are given.
#[derive(Serialize)]
struct Frame<'a> {
    language: &'a str,
    house: &'a str,
    fallback: &'a str,
    footer: &'a str,
    contact: Option<&'a str>,
    subject: &'a str,
    preview: &'a str,
    heading: String,
    paragraphs: &'a [&'a str],
    rows: &'a [Row],
    action: Action<'a>,
    unsubscribe: Option<Action<'a>>,
}

#[derive(Serialize)]
struct Action<'a> {
    label: String,
    url: &'a str,
}
