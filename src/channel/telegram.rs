//! Messages into Telegram chats, with buttons for what can be done about a booking right there.

/// Calls to the Bot API.
mod bot;

use std::num::NonZeroU32;
use std::time::Duration;

use async_trait::async_trait;
use belfry_actors::{Capabilities, Outgoing, Provider, Rate};
use belfry_domain::channel::Channel;
use belfry_domain::delivery::{Action, ActionStep, Content, DeadCause, Receipt, SendError};
use belfry_store::Store;
use teloxide::payloads::{SendMessage, SendMessageSetters};
use teloxide::types::{
    ChatId, InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions, Message, ParseMode,
};
use url::Url;

pub use bot::{Bot, Fault, Refusal};

use crate::telegram::{Press, word};

/// Its name among the providers.
const NAME: &str = "telegram";
/// Most that a message may hold, in units of UTF-16, markup aside.
const LONGEST: usize = 4096;
/// Messages a second, to all chats together and to one.
const OVERALL: NonZeroU32 = NonZeroU32::MIN.saturating_add(29);
const PER_CHAT: Duration = Duration::from_secs(1);

/// A bot that sends.
pub struct Telegram {
    bot: Bot,
    store: Store,
}

impl Telegram {
    /// Sends through this bot; chats that have moved are kept in `store`.
    pub fn new(bot: Bot, store: Store) -> Self {
        Self { bot, store }
    }

    async fn post(&self, chat: i64, message: &Outgoing) -> Result<Message, Fault> {
        let mut payload = SendMessage::new(ChatId(chat), written(message))
            .parse_mode(ParseMode::Html)
            .link_preview_options(no_preview());
        let rows = keyboard(&message.content);
        if !rows.is_empty() {
            payload = payload.reply_markup(InlineKeyboardMarkup::new(rows));
        }
        self.bot.ask(&payload).await
    }
}

#[async_trait]
impl Provider for Telegram {
    fn channel(&self) -> Channel {
        Channel::Telegram
    }

    fn name(&self) -> &str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            recognises_repeats: false,
        }
    }

    fn rate(&self) -> Rate {
        Rate {
            per_second: Some(OVERALL),
            burst: Some(OVERALL),
            per_address: Some(PER_CHAT),
        }
    }

    async fn send(&self, message: &Outgoing) -> Result<Receipt, SendError> {
        let chat = message.address.parse();
        let chat: i64 = chat.map_err(|_| SendError::DeadAddress {
            cause: DeadCause::Invalid,
            detail: "not the number of a chat".to_owned(),
        })?;
        let sent = match self.post(chat, message).await {
            Err(Fault::Refused(Refusal {
                moved_to: Some(moved),
                ..
            })) => {
                // A group that grew has another number from then on.
                let (old, new) = (message.address.as_str(), moved.to_string());
                let kept = self.store.move_chat(old, &new, message.at).await;
                if let Err(error) = kept {
                    tracing::warn!(%error, "where a chat has moved is asked for again next time");
                }
                self.post(moved, message).await
            }
            other => other,
        };
        let sent = sent.map_err(|fault| fault.judge(message.at))?;
        Ok(Receipt::Sent {
            provider_id: Some(sent.id.0.to_string()),
        })
    }
}

/// Links stand in a button; a preview of the page would say nothing more.
pub fn no_preview() -> LinkPreviewOptions {
    LinkPreviewOptions {
        is_disabled: true,
        url: None,
        prefer_small_media: false,
        prefer_large_media: false,
        show_above_text: false,
    }
}

/// The message in Telegram's HTML, its title bold, nothing typed taken for markup.
fn written(message: &Outgoing) -> String {
    let content = &message.content;
    let title = cut(message.subject.trim(), 256);
    let mut text = content.text.trim().to_owned();
    if let Some(url) = &content.url
        && button_url(url).is_none()
        && !text.contains(url.as_str())
    {
        text = format!("{text}\n\n{url}");
    }
    let text = cut(&text, LONGEST - title.encode_utf16().count() - 2);
    format!("<b>{}</b>\n\n{}", escaped(&title), escaped(&text))
}

/// The first characters of a text, at most `most` units of UTF-16.
fn cut(text: &str, most: usize) -> String {
    if text.encode_utf16().count() <= most {
        return text.to_owned();
    }
    let mut units = 1;
    let kept = text.chars().take_while(|letter| {
        units += letter.len_utf16();
        units <= most
    });
    let mut kept: String = kept.collect();
    kept.push('…');
    kept
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// An address that Telegram takes for a button: not this machine, nor a name without a dot.
fn button_url(url: &str) -> Option<Url> {
    let url = Url::parse(url).ok()?;
    let host = url.host_str()?;
    let public = host.contains('.') && !host.starts_with("127.") && !host.ends_with(".localhost");
    (public && matches!(url.scheme(), "http" | "https")).then_some(url)
}

/// The buttons: what can be done, two in a row, calling off below; then the page.
fn keyboard(content: &Content) -> Vec<Vec<InlineKeyboardButton>> {
    let starts_at = content.data["starts_at"].as_str();
    let starts_at = starts_at.and_then(|text| text.parse().ok());
    let button = |action: &Action| {
        let press = Press {
            step: action.step,
            booking: action.booking_id,
            starts_at,
            sure: false,
        };
        InlineKeyboardButton::callback(action.label.clone(), press.to_string())
    };
    let (cancels, others): (Vec<&Action>, Vec<&Action>) = content
        .actions
        .iter()
        .partition(|action| action.step == ActionStep::Cancel);
    let mut rows: Vec<Vec<InlineKeyboardButton>> = others
        .chunks(2)
        .map(|pair| pair.iter().map(|action| button(action)).collect())
        .collect();
    rows.extend(cancels.into_iter().map(|action| vec![button(action)]));
    if let Some(url) = content.url.as_deref().and_then(button_url) {
        let label = word(&content.language, "open");
        rows.push(vec![InlineKeyboardButton::url(label, url)]);
    }
    rows
}

#[cfg(test)]
mod tests {
    use belfry_domain::Instant;
    use belfry_domain::id::{BookingId, DeliveryId};
    use serde_json::json;

    use super::*;

    fn message(subject: &str, text: &str) -> Outgoing {
        Outgoing {
            id: DeliveryId::at(Instant::default()),
            attempt: 1,
            kind: "booking.created".to_owned(),
            address: "7".to_owned(),
            subject: subject.to_owned(),
            content: Content {
                text: text.to_owned(),
                language: "vi".to_owned(),
                ..Content::default()
            },
            at: Instant::default(),
        }
    }

    #[test]
    fn nothing_typed_is_taken_for_markup() {
        let written = written(&message("<b>A</b> & B", "1 < 2 > <a href=\"x\">&amp;"));
        assert_eq!(
            written,
            "<b>&lt;b&gt;A&lt;/b&gt; &amp; B</b>\n\n1 &lt; 2 &gt; &lt;a href=\"x\"&gt;&amp;amp;"
        );
    }

    #[test]
    fn a_text_that_is_too_long_is_cut_between_letters() {
        let written = written(&message("Title", &"📅".repeat(3000)));
        let shown = written.replace("<b>", "").replace("</b>", "");
        let units = shown.encode_utf16().count();
        assert!((LONGEST - 2..=LONGEST).contains(&units), "{units}");
        assert!(shown.ends_with("📅…"));
    }

    #[test]
    fn buttons_carry_their_step_and_a_page_that_only_this_machine_knows_stands_in_the_text() {
        let booking_id = BookingId::at(Instant::default());
        let action = |step| Action {
            label: format!("{step:?}"),
            step,
            booking_id,
        };
        let mut message = message("Title", "Text");
        message.content.actions = vec![
            action(ActionStep::Cancel),
            action(ActionStep::Confirm),
            action(ActionStep::Reject),
        ];
        message.content.data = json!({ "starts_at": "2027-03-02T10:00:00Z" });
        message.content.url = Some("https://book.example.com/bookings/1".to_owned());
        let labels = |rows: &[Vec<InlineKeyboardButton>]| {
            let rows = rows
                .iter()
                .map(|row| row.iter().map(|b| b.text.clone()).collect());
            rows.collect::<Vec<Vec<String>>>()
        };
        let rows = keyboard(&message.content);
        assert_eq!(
            labels(&rows),
            [
                vec!["Confirm", "Reject"],
                vec!["Cancel"],
                vec!["Mở lịch hẹn"]
            ]
        );
        assert!(!written(&message).contains("book.example.com"));
        for local in [
            "http://localhost:8080/b",
            "http://127.0.0.1:8080/b",
            "http://belfry/b",
        ] {
            message.content.url = Some(local.to_owned());
            assert_eq!(keyboard(&message.content).len(), 2);
            assert!(written(&message).ends_with(local));
        }
    }
}
