//! What people say to the house's bot, and what it does about it: connecting a chat to an account, and steps on
//! bookings by the buttons under its messages, with the rights and the refusals of the API.
//!
//! Telegram gives an update again until it hears that it was taken, so one that was handled is remembered; what an
//! update does may be repeated, because the rows it changes decide.

/// Steps on bookings, by buttons and by the answers to what the bot asks back.
mod buttons;
/// How updates come in.
mod listener;
/// What a button carries.
mod press;
/// What the bot says.
mod words;

use belfry_actors::{Experts, World};
use belfry_domain::Instant;
use belfry_domain::account::Account;
use belfry_domain::id::UserId;
use belfry_store::StoreError;
use belfry_store::telegram::Taken;
use chrono::TimeDelta;
use teloxide::payloads::{GetMe, SendMessage, SendMessageSetters};
use teloxide::types::{ChatId, Message, ReplyMarkup, Update, UpdateKind, User};
use tokio::sync::OnceCell;

pub use listener::{Inlet, Listener, webhook_secret};
pub use press::{NoPress, Press};
pub use words::{addressed, word};

use crate::channel::telegram::{Bot, Fault, no_preview};
use crate::http::problem::Problem;
use crate::secret;

/// How long an update is left to whoever took it.
const HANDLING: TimeDelta = TimeDelta::seconds(60);
/// How often an update may fail before it is set aside.
const MOST_TRIES: i64 = 5;
/// How long a code for a chat works.
pub const CODE_MINUTES: i64 = 10;
/// Most characters kept of how a chat's owner is called.
const LABEL: usize = 64;

/// The conversations of one bot.
pub struct Chats {
    bot: Bot,
    world: World,
    experts: Experts,
    /// What the bot is called, as soon as Telegram has said it.
    name: OnceCell<String>,
}

/// Somebody in their own chat with the bot.
struct Speaker {
    chat: ChatId,
    /// The account that the chat is connected to.
    account: Option<Account>,
    locale: String,
}

impl Speaker {
    fn word(&self, name: &'static str) -> &'static str {
        word(&self.locale, name)
    }

    /// A refusal of the API in the speaker's language.
    fn told(&self, problem: &Problem) -> String {
        let language = belfry_domain::account::language_of(&self.locale);
        problem.detail(language).into_owned()
    }
}

impl Chats {
    /// The conversations of `bot`.
    pub fn new(bot: Bot, world: World, experts: Experts) -> Self {
        Self {
            bot,
            world,
            experts,
            name: OnceCell::new(),
        }
    }

    /// The bot itself.
    pub fn bot(&self) -> &Bot {
        &self.bot
    }

    fn now(&self) -> Instant {
        self.world.clock.now()
    }

    /// The name by which people find the bot.
    ///
    /// # Errors
    /// When Telegram does not say it.
    pub async fn name(&self) -> Result<&str, Fault> {
        let ask = async || {
            let me = self.bot.ask(&GetMe::new()).await?;
            Ok(me.user.username.unwrap_or_default())
        };
        self.name.get_or_try_init(ask).await.map(String::as_str)
    }

    /// Handles an update unless that was done. Answers whether it is done now; not while another node is at it.
    ///
    /// # Errors
    /// When the database fails; the update must then be given again.
    pub async fn take(&self, update: Update, alone: bool) -> Result<bool, StoreError> {
        let (id, now) = (i64::from(update.id.0), self.now());
        // Whoever listens alone need not wait for itself: an earlier try has broken off.
        let since = if alone { now } else { now - HANDLING };
        match self.world.store.take_update(id, since, now).await? {
            Taken::Done => return Ok(true),
            Taken::Elsewhere => return Ok(false),
            Taken::Now { tries } if tries > MOST_TRIES => {
                tracing::error!(id, "an update of Telegram is set aside: it keeps failing");
            }
            Taken::Now { .. } => self.handle(update).await?,
        }
        self.world.store.finish_update(id, self.now()).await?;
        Ok(true)
    }

    async fn handle(&self, update: Update) -> Result<(), StoreError> {
        match update.kind {
            UpdateKind::Message(message) => self.heard(message).await,
            UpdateKind::CallbackQuery(query) => self.pressed(query).await,
            UpdateKind::MyChatMember(change) => {
                let member = &change.new_chat_member;
                if member.is_banned() || member.is_left() {
                    let (chat, now) = (change.chat.id.0.to_string(), self.now());
                    self.world.store.end_chat(&chat, "blocked", now).await?;
                }
                Ok(())
            }
            UpdateKind::Error(unread) => {
                tracing::warn!(%unread, "an update of Telegram is not understood");
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Who is speaking, by the account of their chat or else by what Telegram says of them.
    async fn speaker(&self, chat: ChatId, from: Option<&User>) -> Result<Speaker, StoreError> {
        let owner = self.world.store.owner_of_chat(&chat.0.to_string()).await?;
        let account = match owner {
            Some(owner) => self.world.store.account(owner).await?,
            None => None,
        };
        let code = from.and_then(|from| from.language_code.clone());
        let locale = account.as_ref().map(|account| account.locale.clone());
        Ok(Speaker {
            chat,
            account,
            locale: locale.or(code).unwrap_or_default(),
        })
    }

    async fn heard(&self, message: Message) -> Result<(), StoreError> {
        let Some(text) = message.text() else {
            return Ok(());
        };
        let mut words = text.split_whitespace();
        let command = words.next().unwrap_or_default();
        let command = command.split('@').next().unwrap_or_default();
        if !message.chat.is_private() {
            if command == "/start" {
                let code = message
                    .from
                    .as_ref()
                    .and_then(|from| from.language_code.as_deref());
                let refusal = word(code.unwrap_or_default(), "private_only");
                self.say(message.chat.id, refusal).await;
            }
            return Ok(());
        }
        let from = message.from.as_ref();
        let speaker = self.speaker(message.chat.id, from).await?;
        if let Some(asked) = message.reply_to_message()
            && !command.starts_with('/')
            && self.answered(&speaker, asked.id, text).await?
        {
            return Ok(());
        }
        let answer = match (command, words.next()) {
            ("/start", Some(code)) => return self.connect(&speaker, code, from).await,
            ("/stop", _) => {
                let (chat, now) = (speaker.chat.0.to_string(), self.now());
                let ended = self.world.store.end_chat(&chat, "unlinked", now).await?;
                if ended { "stopped" } else { "not_linked" }
            }
            _ if speaker.account.is_some() => "help",
            _ => "hello",
        };
        self.say(speaker.chat, speaker.word(answer)).await;
        Ok(())
    }

    /// Connects the speaker's chat to the account that made this code.
    async fn connect(
        &self,
        speaker: &Speaker,
        code: &str,
        from: Option<&User>,
    ) -> Result<(), StoreError> {
        let label = from.map(|from| from.mention().unwrap_or_else(|| from.full_name()));
        let label: String = label.unwrap_or_default().chars().take(LABEL).collect();
        let (chat, now) = (speaker.chat.0.to_string(), self.now());
        let hash = secret::hash(code);
        let owner = self
            .world
            .store
            .connect_chat(&hash, &chat, &label, now)
            .await?;
        let account = match owner {
            Some(owner) => self.world.store.account(owner).await?,
            None => None,
        };
        let answer = match account {
            Some(account) => addressed(&account.locale, "linked", &account.name),
            None => speaker.word("link_failed").to_owned(),
        };
        self.say(speaker.chat, &answer).await;
        Ok(())
    }

    /// The code with which this person may connect their chat until the answered instant.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn make_code(&self, user: UserId, code: &str) -> Result<Instant, StoreError> {
        let now = self.now();
        let expires_at = now + TimeDelta::minutes(CODE_MINUTES);
        let hash = secret::hash(code);
        self.world
            .store
            .put_chat_code(user, &hash, expires_at, now)
            .await?;
        Ok(expires_at)
    }

    /// Says something. Words that do not arrive are not missed: what they tell has happened.
    async fn say(&self, chat: ChatId, text: &str) -> Option<Message> {
        self.say_with(chat, text, None).await
    }

    async fn say_with(
        &self,
        chat: ChatId,
        text: &str,
        markup: Option<ReplyMarkup>,
    ) -> Option<Message> {
        let mut payload = SendMessage::new(chat, text).link_preview_options(no_preview());
        payload.reply_markup = markup;
        match self.bot.ask(&payload).await {
            Ok(message) => Some(message),
            Err(fault) => {
                tracing::warn!(%fault, "the bot could not answer");
                None
            }
        }
    }
}
