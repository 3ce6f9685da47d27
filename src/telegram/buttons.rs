//! Steps on bookings from a chat: what was pressed, what is asked back, and what became of it.

use belfry_actors::expert::Refused;
use belfry_domain::account::{Account, Caller};
use belfry_domain::booking::{Actor, Booking, BookingError, Status, Step};
use belfry_domain::delivery::ActionStep;
use belfry_domain::id::UserId;
use belfry_domain::text;
use belfry_store::StoreError;
use serde::{Deserialize, Serialize};
use teloxide::payloads::{
    AnswerCallbackQuery, AnswerCallbackQuerySetters, EditMessageReplyMarkup, EditMessageText,
    EditMessageTextSetters,
};
use teloxide::types::{
    CallbackQuery, ChatId, ForceReply, InlineKeyboardButton, InlineKeyboardButtonKind,
    InlineKeyboardMarkup, Message, MessageEntity, MessageId, ReplyMarkup,
};

use super::{Chats, Press, Speaker, addressed};
use crate::channel::telegram::no_preview;
use crate::http::problem::Problem;

/// Most that a word over the chat may hold.
const TOAST: usize = 200;
/// Most characters of a reason, as in the API.
const REASON: usize = 500;
/// How often a step is tried again when the booking was changed in between.
const MOST_TRIES: usize = 3;

/// A message of the bot as far as it is kept in order to be changed later.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Shown {
    message_id: i32,
    text: String,
    entities: Vec<MessageEntity>,
    /// The buttons that lead to pages: the ones that stay.
    links: Vec<Vec<InlineKeyboardButton>>,
}

/// What the bot asked back: the reason of a step.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Question {
    user: UserId,
    press: String,
    shown: Option<Shown>,
}

/// What whoever pressed is told.
enum Told {
    /// In passing.
    Toast(String),
    /// So that they have to notice.
    Alert(String),
}

/// How a step ended.
enum Outcome {
    Done(Box<Booking>),
    /// Told to whoever wanted it.
    Refused(String),
    /// It is none of theirs any more to decide: its buttons are of no use.
    Over(String),
    /// A reason is needed first.
    Why(Box<Booking>),
    /// Whoever wants it should mean it.
    Sure,
}

impl Shown {
    fn of(message: &Message) -> Option<Self> {
        let rows = message.reply_markup().into_iter();
        let rows = rows.flat_map(|markup| &markup.inline_keyboard);
        let links = rows.filter_map(|row| {
            let is_link =
                |b: &&InlineKeyboardButton| matches!(b.kind, InlineKeyboardButtonKind::Url(_));
            let links: Vec<_> = row.iter().filter(is_link).cloned().collect();
            (!links.is_empty()).then_some(links)
        });
        Some(Self {
            message_id: message.id.0,
            text: message.text()?.to_owned(),
            entities: message.entities().unwrap_or_default().to_vec(),
            links: links.collect(),
        })
    }
}

fn step_of(step: ActionStep) -> Step {
    match step {
        ActionStep::Confirm => Step::Confirm,
        ActionStep::Reject => Step::Reject,
        ActionStep::Cancel => Step::Cancel,
    }
}

impl Chats {
    /// A button was pressed. Whoever did is always answered, or their screen would wait.
    pub(super) async fn pressed(&self, query: CallbackQuery) -> Result<(), StoreError> {
        let told = match self.press(&query).await {
            Ok(told) => told,
            Err(error) => {
                tracing::warn!(%error, "a button could not be served");
                let code = query.from.language_code.as_deref().unwrap_or_default();
                Told::Alert(super::word(code, "later").to_owned())
            }
        };
        let payload = AnswerCallbackQuery::new(query.id.clone());
        let short = |text: String| text.chars().take(TOAST).collect::<String>();
        let payload = match told {
            Told::Toast(text) if text.is_empty() => payload,
            Told::Toast(text) => payload.text(short(text)),
            Told::Alert(text) => payload.text(short(text)).show_alert(true),
        };
        if let Err(fault) = self.bot.ask(&payload).await {
            tracing::warn!(%fault, "a button was not answered");
        }
        Ok(())
    }

    async fn press(&self, query: &CallbackQuery) -> Result<Told, StoreError> {
        // In a chat of their own, whoever presses is whose chat it is.
        let own_chat = i64::try_from(query.from.id.0).unwrap_or_default();
        let chat = query.message.as_ref().map(|message| message.chat().id);
        let chat = chat.filter(|chat| chat.0 == own_chat);
        let speaker = self.speaker(ChatId(own_chat), Some(&query.from)).await?;
        let alert = |name| Ok(Told::Alert(speaker.word(name).to_owned()));
        let (Some(chat), Some(account)) = (chat, &speaker.account) else {
            return alert("not_linked");
        };
        let press: Option<Press> = query.data.as_deref().and_then(|data| data.parse().ok());
        let Some(press) = press else {
            return alert("unknown_button");
        };
        let shown = query.regular_message().and_then(Shown::of);
        Ok(match self.step(&speaker, account, press, None).await? {
            Outcome::Done(booking) => {
                let outcome = speaker.word(outcome_of(&booking)).to_owned();
                self.show(chat, shown.as_ref(), &outcome).await;
                Told::Toast(outcome)
            }
            Outcome::Refused(text) => Told::Alert(text),
            Outcome::Over(text) => {
                if let Some(shown) = &shown {
                    self.buttons(chat, shown, Vec::new()).await;
                }
                Told::Alert(text)
            }
            Outcome::Why(booking) => {
                self.ask_why(&speaker, account, press, &booking, shown)
                    .await?;
                Told::Toast(String::new())
            }
            Outcome::Sure => {
                let sure = Press {
                    sure: true,
                    ..press
                };
                let label = speaker.word("sure_yes");
                let button = InlineKeyboardButton::callback(label, sure.to_string());
                if let Some(shown) = &shown {
                    self.buttons(chat, shown, vec![vec![button]]).await;
                }
                Told::Toast(speaker.word("sure").to_owned())
            }
        })
    }

    /// Takes a step for somebody, if it is theirs to take: by the rules of the API, and for the start that they saw.
    async fn step(
        &self,
        speaker: &Speaker,
        account: &Account,
        press: Press,
        reason: Option<&str>,
    ) -> Result<Outcome, StoreError> {
        let refused = |problem: Problem| Ok(Outcome::Refused(speaker.told(&problem)));
        if account.disabled {
            return refused(Problem::new("account-disabled"));
        }
        let caller = Caller {
            id: account.id,
            role: account.role,
            branch_id: account.branch_id,
        };
        for _ in 0..MOST_TRIES {
            let booking = self.world.store.booking(press.booking).await?;
            let concerned = booking.and_then(|b| b.side_of(&caller).map(|side| (b, side)));
            let Some((booking, side)) = concerned else {
                return refused(Problem::new("not-found"));
            };
            let seen = press.starts_at.map(|at| at.timestamp());
            if seen.is_some_and(|seen| seen != booking.starts_at.timestamp()) {
                return Ok(Outcome::Over(speaker.word("moved").to_owned()));
            }
            let step = step_of(press.step);
            let asks_why = step.needs_reason(side);
            if (asks_why && reason.is_none()) || (step == Step::Cancel && !asks_why && !press.sure)
            {
                // Nobody is asked about what they may not do.
                let notice = match self.experts.cancel_notice(booking.expert.id).await {
                    Ok(notice) => notice,
                    Err(error) => return self.refused(speaker, error),
                };
                if let Err(error) = booking.step(step, side, Some("-"), notice, self.now()) {
                    return self.refused(speaker, error.into());
                }
                return Ok(match asks_why {
                    true => Outcome::Why(Box::new(booking)),
                    false => Outcome::Sure,
                });
            }
            let doer = Actor::person(account.id, account.name.clone(), account.role);
            let (reason, version) = (reason.map(str::to_owned), Some(booking.version));
            let done = self
                .experts
                .step(booking.id, step, side, doer, reason, version)
                .await;
            match done {
                Ok(booking) => return Ok(Outcome::Done(Box::new(booking))),
                // Somebody was quicker: what they changed may or may not matter here.
                Err(Refused::Rule {
                    error: BookingError::Stale,
                    ..
                }) => {}
                Err(error) => return self.refused(speaker, error),
            }
        }
        refused(Problem::new("stale"))
    }

    fn refused(&self, speaker: &Speaker, refused: Refused) -> Result<Outcome, StoreError> {
        let over = matches!(
            refused,
            Refused::Rule {
                error: BookingError::WrongStatus { .. } | BookingError::TooLate,
                ..
            }
        );
        let text = speaker.told(&Problem::from(refused));
        Ok(match over {
            true => Outcome::Over(text),
            false => Outcome::Refused(text),
        })
    }

    /// Asks for the reason of a step, which the other side will read.
    async fn ask_why(
        &self,
        speaker: &Speaker,
        account: &Account,
        press: Press,
        booking: &Booking,
        shown: Option<Shown>,
    ) -> Result<(), StoreError> {
        let name = match press.step {
            ActionStep::Reject => "why_reject",
            _ => "why_cancel",
        };
        let text = addressed(&speaker.locale, name, &booking.client.name);
        let placeholder = speaker.word("reason").to_owned();
        let reply = ForceReply::new().input_field_placeholder(Some(placeholder));
        let markup = Some(ReplyMarkup::ForceReply(reply));
        let Some(asked) = self.say_with(speaker.chat, &text, markup).await else {
            return Ok(());
        };
        let question = Question {
            user: account.id,
            press: press.to_string(),
            shown,
        };
        let question = serde_json::to_value(question).unwrap_or_default();
        let (chat, message) = (speaker.chat.0.to_string(), i64::from(asked.id.0));
        self.world
            .store
            .put_question(&chat, message, &question, self.now())
            .await
    }

    /// Somebody answered a message of the bot. Answers whether that was a question.
    pub(super) async fn answered(
        &self,
        speaker: &Speaker,
        asked: MessageId,
        answer: &str,
    ) -> Result<bool, StoreError> {
        let (chat, message) = (speaker.chat.0.to_string(), i64::from(asked.0));
        let question = self
            .world
            .store
            .question(&chat, message, self.now())
            .await?;
        let question: Option<Question> =
            question.and_then(|question| serde_json::from_value(question).ok());
        let Some(question) = question else {
            return Ok(false);
        };
        let account = speaker.account.as_ref().filter(|a| a.id == question.user);
        let (Some(account), Ok(press)) = (account, question.press.parse()) else {
            self.say(speaker.chat, speaker.word("question_closed"))
                .await;
            return Ok(true);
        };
        let Ok(reason) = text::checked("/reason", answer, 1, REASON, true) else {
            self.say(speaker.chat, speaker.word("reason_long")).await;
            return Ok(true);
        };
        let told = match self.step(speaker, account, press, Some(&reason)).await? {
            Outcome::Done(booking) => {
                let outcome = speaker.word(outcome_of(&booking));
                let whole = format!("{outcome}\n{}: {reason}", speaker.word("reason"));
                match &question.shown {
                    Some(shown) => {
                        self.show(speaker.chat, Some(shown), &whole).await;
                        outcome.to_owned()
                    }
                    None => whole,
                }
            }
            Outcome::Refused(text) | Outcome::Over(text) => text,
            Outcome::Why(_) | Outcome::Sure => speaker.word("question_closed").to_owned(),
        };
        self.world.store.close_question(&chat, message).await?;
        self.say(speaker.chat, &told).await;
        Ok(true)
    }

    /// Puts what became of a booking under the message about it, whose buttons are done with; as a message of its own
    /// where Telegram no longer lets the old one be changed.
    async fn show(&self, chat: ChatId, shown: Option<&Shown>, outcome: &str) {
        let Some(shown) = shown else {
            self.say(chat, outcome).await;
            return;
        };
        let text = format!("{}\n\n{outcome}", shown.text);
        let payload = EditMessageText::new(chat, MessageId(shown.message_id), text)
            .entities(shown.entities.clone())
            .link_preview_options(no_preview())
            .reply_markup(InlineKeyboardMarkup::new(shown.links.clone()));
        if let Err(fault) = self.bot.ask(&payload).await {
            tracing::warn!(%fault, "a message could not be changed");
            self.say(chat, outcome).await;
        }
    }

    /// Replaces the buttons of a message but for those that lead to pages.
    async fn buttons(&self, chat: ChatId, shown: &Shown, rows: Vec<Vec<InlineKeyboardButton>>) {
        let rows = rows.into_iter().chain(shown.links.iter().cloned());
        let mut payload = EditMessageReplyMarkup::new(chat, MessageId(shown.message_id));
        payload.reply_markup = Some(InlineKeyboardMarkup::new(rows));
        if let Err(fault) = self.bot.ask(&payload).await {
            tracing::warn!(%fault, "the buttons of a message could not be changed");
        }
    }
}

/// The word for where a booking stands.
fn outcome_of(booking: &Booking) -> &'static str {
    match booking.status {
        Status::Rejected => "rejected",
        Status::Cancelled => "cancelled",
        _ => "confirmed",
    }
}
