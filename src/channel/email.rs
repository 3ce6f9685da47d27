//! Mail by SMTP: composing what is sent.

use std::sync::Arc;

use anyhow::{Context, Result};
use async_trait::async_trait;
use belfry_actors::{Capabilities, Outgoing, Provider};
use belfry_domain::channel::Channel;
use belfry_domain::delivery::{Attachment, DeadCause, Receipt, SendError};
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment as File, Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message};

use crate::channel::dkim::Dkim;
use crate::channel::smtp::{Patience, Smtp, SmtpServer};

/// The media type that mail programs read as an invitation when it stands beside the text.
const CALENDAR: &str = "text/calendar";

/// Sends mail through one server.
pub struct Email {
    name: String,
    smtp: Smtp,
    from: Mailbox,
    dkim: Option<Arc<Dkim>>,
}

/// The domain of the sender, which stands in the Message-IDs of our mails and is looked for in reports about them.
pub fn domain(from: &str) -> String {
    let from = from.parse::<Mailbox>();
    from.map_or_else(|_| String::new(), |from| from.email.domain().to_owned())
}

impl Email {
    /// A channel through the server at `smtp_url` with the sender `from`; `connections` stay open between
    /// mails. Connects when there is something to send.
    ///
    /// # Errors
    /// When either address is malformed.
    pub fn new(smtp_url: &str, from: &str, connections: usize) -> Result<Self> {
        Self::with_patience(smtp_url, from, connections, Patience::default())
    }

    /// The same, with its own idea of how long the server may take.
    ///
    /// # Errors
    /// When either address is malformed.
    pub fn with_patience(
        smtp_url: &str,
        from: &str,
        connections: usize,
        patience: Patience,
    ) -> Result<Self> {
        let from: Mailbox = from.parse().context("[email] from")?;
        let server = SmtpServer::parse(smtp_url).context("[email] smtp_url")?;
        Ok(Self {
            name: "smtp".to_owned(),
            smtp: Smtp::new(server, connections, patience),
            from,
            dkim: None,
        })
    }

    /// The same under another name, where there are several.
    pub fn named(self, name: String) -> Self {
        Self { name, ..self }
    }

    /// The same, with every mail signed.
    pub fn signing(self, dkim: Arc<Dkim>) -> Self {
        Self {
            dkim: Some(dkim),
            ..self
        }
    }

    /// The mail as it goes over the wire. Its Message-ID is the delivery's, whatever the attempt.
    fn compose(&self, message: &Outgoing) -> Result<Message, SendError> {
        let address: Address = message
            .address
            .parse()
            .map_err(|error| SendError::DeadAddress {
                cause: DeadCause::Invalid,
                detail: format!("not a mail address: {error}"),
            })?;
        let refused = |error: String| SendError::Refused(format!("cannot be composed: {error}"));
        let content = &message.content;
        let name = Some(one_line(&content.to_name)).filter(|name| !name.is_empty());
        let mut alternative = MultiPart::alternative()
            .singlepart(SinglePart::plain(content.text.clone()))
            .singlepart(SinglePart::html(content.html.clone()));
        for file in &content.attachments {
            if file.content_type.starts_with(CALENDAR) {
                let invitation = SinglePart::builder()
                    .header(media_type(file).map_err(refused)?)
                    .body(file.text.clone());
                alternative = alternative.singlepart(invitation);
            }
        }
        let mut parts = MultiPart::mixed().multipart(alternative);
        for file in &content.attachments {
            let kind = media_type(file).map_err(refused)?;
            parts = parts.singlepart(File::new(file.name.clone()).body(file.text.clone(), kind));
        }
        let mut mail = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(name, address))
            .subject(one_line(&message.subject))
            .date(message.at.into())
            .message_id(Some(format!(
                "<{}@{}>",
                message.id,
                self.from.email.domain()
            )))
            // No answering machine should reply, nor mail us its absence (RFC 3834).
            .raw_header(raw("Auto-Submitted", "auto-generated"))
            .raw_header(raw("X-Auto-Response-Suppress", "All"));
        if let Some(link) = &content.unsubscribe {
            // One click in the mail program (RFC 8058).
            mail = mail
                .raw_header(raw("List-Unsubscribe", &format!("<{link}>")))
                .raw_header(raw("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"));
        }
        let mut mail = mail
            .multipart(parts)
            .map_err(|error| refused(error.to_string()))?;
        if let Some(dkim) = &self.dkim {
            dkim.sign(&mut mail);
        }
        Ok(mail)
    }
}

#[async_trait]
impl Provider for Email {
    fn channel(&self) -> Channel {
        Channel::Email
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn capabilities(&self) -> Capabilities {
        // Message-IDs are stable, but few readers fold repeats by them.
        Capabilities {
            recognises_repeats: false,
        }
    }

    async fn send(&self, message: &Outgoing) -> Result<Receipt, SendError> {
        let mail = self.compose(message)?;
        let answer = self.smtp.send(mail.envelope(), &mail.formatted()).await?;
        Ok(Receipt::Sent {
            provider_id: Some(answer),
        })
    }
}

/// A text that may stand in a header: the mail builder panics on line ends in a name.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ").trim().to_owned()
}

fn media_type(file: &Attachment) -> Result<ContentType, String> {
    ContentType::parse(&file.content_type).map_err(|error| error.to_string())
}

fn raw(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

#[cfg(test)]
mod tests {
    use belfry_domain::Instant;
    use belfry_domain::delivery::Content;
    use belfry_domain::id::DeliveryId;

    use super::*;

    fn mail(subject: &str, to_name: &str) -> String {
        let now: Instant = "2026-12-01T02:00:00Z".parse().unwrap();
        let email = Email::new("smtp://127.0.0.1:2525", "Belfry <mail@belfry.test>", 1).unwrap();
        let message = Outgoing {
            id: DeliveryId::at(now),
            attempt: 1,
            kind: "booking.created".to_owned(),
            address: "ann@example.com".to_owned(),
            subject: subject.to_owned(),
            content: Content {
                to_name: to_name.to_owned(),
                text: "Xin chào".to_owned(),
                html: "<p>Xin chào</p>".to_owned(),
                attachments: vec![Attachment {
                    name: "invite.ics".to_owned(),
                    content_type: "text/calendar; charset=utf-8; method=REQUEST".to_owned(),
                    text: "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n".to_owned(),
                }],
                ..Content::default()
            },
            at: now,
        };
        let composed = email.compose(&message).unwrap().formatted();
        let composed = String::from_utf8(composed).unwrap();
        assert!(composed.contains(&format!("Message-ID: <{}@belfry.test>", message.id)));
        composed
    }

    #[test]
    fn a_mail_is_alternative_text_html_and_invitation_with_the_file_beside_it() {
        let mail = mail("Đã xác nhận", "Nguyễn Ánh");
        assert!(mail.is_ascii(), "no 8BITMIME is needed");
        let order = [
            "Date: Tue, 01 Dec 2026 02:00:00 +0000",
            "Auto-Submitted: auto-generated",
            "multipart/mixed",
            "multipart/alternative",
            "text/plain",
            "text/html",
            "text/calendar; charset=utf-8; method=REQUEST",
            "filename=\"invite.ics\"",
        ];
        let places: Vec<usize> = order
            .iter()
            .map(|part| {
                mail.find(part)
                    .unwrap_or_else(|| panic!("no {part} in\n{mail}"))
            })
            .collect();
        assert!(places[2..].is_sorted(), "{places:?}");
        assert_eq!(mail.matches("method=REQUEST").count(), 2);
    }

    #[test]
    fn nothing_typed_can_add_a_header() {
        let mail = mail("a\r\nBcc: thief@example.com", "b\r\nBcc: thief@example.com");
        let (head, _) = mail.split_once("\r\n\r\n").unwrap();
        assert!(head.lines().all(|line| !line.starts_with("Bcc:")), "{head}");
    }
}
