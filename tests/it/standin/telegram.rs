//! The Bot API: the token in the path, JSON in and out, updates that are given again until they are confirmed, and
//! people who write to the bot, press its buttons and block it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use belfry::config::Telegram as Settings;
use belfry::secret::Secret;
use serde_json::{Value, json};

use super::{Reply, StandIn};

pub const TOKEN: &str = "7000000001:AAstandinAAstandinAAstandinAAstandin";
const BOT: &str = "belfry_test_bot";

/// A message in a chat, as it is shown now.
#[derive(Clone, Debug)]
pub struct Shown {
    pub id: i64,
    pub chat: i64,
    /// As it was asked for the last time.
    pub body: Value,
    pub edits: usize,
}

impl Shown {
    pub fn text(&self) -> &str {
        self.body["text"].as_str().unwrap_or_default()
    }

    /// Labels of the buttons, with what each carries.
    pub fn buttons(&self) -> Vec<(String, String)> {
        let rows = self.body["reply_markup"]["inline_keyboard"].as_array();
        let buttons = rows
            .into_iter()
            .flatten()
            .flat_map(|row| row.as_array().unwrap());
        let text = |value: &Value| value.as_str().map(str::to_owned);
        buttons
            .map(|button| {
                let carried = text(&button["callback_data"]).or(text(&button["url"]));
                (text(&button["text"]).unwrap(), carried.unwrap())
            })
            .collect()
    }
}

#[derive(Default)]
struct State {
    shown: Vec<Shown>,
    updates: Vec<Value>,
    given: u64,
    /// What was said to whom pressed a button, by the press.
    told: BTreeMap<String, Value>,
    blocked: BTreeSet<i64>,
    moved: BTreeMap<i64, i64>,
    known: BTreeSet<i64>,
    /// Answers to the next messages in place of Telegram's own.
    faults: Vec<Reply>,
    cuts: bool,
    /// How often messages were asked to be sent.
    sends: usize,
    webhook: Option<Value>,
}

/// The stand-in.
pub struct Telegram {
    server: StandIn,
    state: Arc<Mutex<State>>,
}

impl Telegram {
    pub async fn start() -> Self {
        let state: Arc<Mutex<State>> = Arc::default();
        let serving = state.clone();
        let server = StandIn::start(move |asked| {
            let method = asked.path.strip_prefix(&format!("/bot{TOKEN}/"));
            let Some(method) = method.map(str::to_ascii_lowercase) else {
                return refuse(404, "Not Found", json!({}));
            };
            serving.lock().unwrap().serve(&method, asked.json())
        });
        Self {
            server: server.await,
            state,
        }
    }

    /// Settings that lead here.
    pub fn settings(&self, settings: &mut Settings) {
        settings.token = Secret::new(TOKEN.to_owned());
        settings.api_url = self.server.url();
    }

    /// Somebody writes to the bot in their own chat.
    pub fn writes(&self, person: i64, text: &str) {
        self.state.lock().unwrap().hear(person, text, None);
    }

    /// Somebody answers a message of the bot.
    pub fn replies(&self, person: i64, to: i64, text: &str) {
        self.state.lock().unwrap().hear(person, text, Some(to));
    }

    /// Somebody writes in a group that the bot is in.
    pub fn writes_in_group(&self, group: i64, person: i64, text: &str) {
        let mut state = self.state.lock().unwrap();
        state.known.insert(group);
        let message = json!({
            "message_id": 1, "date": 1_772_366_400, "text": text, "from": user(person),
            "chat": { "id": group, "type": "group", "title": "Group" },
        });
        state.give("message", message);
    }

    /// Somebody presses a button; answers the press by which its answer is found.
    pub fn presses(&self, person: i64, message: i64, data: &str) -> String {
        let mut state = self.state.lock().unwrap();
        let shown = state
            .shown
            .iter()
            .find(|shown| shown.id == message)
            .unwrap();
        let press = format!("press-{}", state.given);
        let query = json!({
            "id": press, "from": user(person), "chat_instance": "1", "data": data,
            "message": as_message(shown),
        });
        state.give("callback_query", query);
        press
    }

    /// Somebody blocks the bot, with Telegram telling it so or not.
    pub fn blocks(&self, person: i64, told: bool) {
        let mut state = self.state.lock().unwrap();
        state.blocked.insert(person);
        if told {
            let bot = json!({ "id": 1, "is_bot": true, "first_name": "Belfry", "username": BOT });
            let change = json!({
                "chat": private(person), "from": user(person), "date": 1_772_366_400,
                "old_chat_member": { "user": bot, "status": "member" },
                "new_chat_member": { "user": bot, "status": "kicked", "until_date": 0 },
            });
            state.give("my_chat_member", change);
        }
    }

    /// A chat becomes another one.
    pub fn moves(&self, old: i64, new: i64) {
        let mut state = self.state.lock().unwrap();
        state.moved.insert(old, new);
        state.known.insert(new);
    }

    /// Answers the next message with this in place of sending it.
    pub fn fail(&self, reply: Reply) {
        self.state.lock().unwrap().faults.push(reply);
    }

    /// Sends the next message and hangs up before saying so.
    pub fn hang_up(&self) {
        self.state.lock().unwrap().cuts = true;
    }

    /// Gives an update once more although it was confirmed.
    pub fn give_again(&self, update: Value) {
        self.state.lock().unwrap().updates.push(update);
    }

    /// Messages in a chat, as they are shown now.
    pub fn shown(&self, chat: i64) -> Vec<Shown> {
        let state = self.state.lock().unwrap();
        state
            .shown
            .iter()
            .filter(|shown| shown.chat == chat)
            .cloned()
            .collect()
    }

    /// What whoever pressed was told.
    pub fn told(&self, press: &str) -> Option<Value> {
        self.state.lock().unwrap().told.get(press).cloned()
    }

    /// How often a message was asked to be sent.
    pub fn sends(&self) -> usize {
        self.state.lock().unwrap().sends
    }

    /// How it was told to call the house.
    pub fn webhook(&self) -> Option<Value> {
        self.state.lock().unwrap().webhook.clone()
    }

    /// Takes what nobody has asked for yet, in order to bring it to the house by its webhook.
    pub fn take_updates(&self) -> Vec<Value> {
        std::mem::take(&mut self.state.lock().unwrap().updates)
    }

    /// Updates that were not confirmed yet.
    pub fn waiting(&self) -> Vec<Value> {
        self.state.lock().unwrap().updates.clone()
    }

    /// Whether every update was confirmed.
    pub fn is_heard(&self) -> bool {
        self.state.lock().unwrap().updates.is_empty()
    }
}

fn user(person: i64) -> Value {
    json!({ "id": person, "is_bot": false, "first_name": "Ánh", "username": format!("anh{person}"), "language_code": "vi" })
}

fn private(person: i64) -> Value {
    json!({ "id": person, "type": "private", "first_name": "Ánh", "username": format!("anh{person}") })
}

/// A message of the bot as Telegram tells of it: plain text, with its buttons.
fn as_message(shown: &Shown) -> Value {
    let text = shown.text().replace("<b>", "").replace("</b>", "");
    let text = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    let bold = text
        .split("\n\n")
        .next()
        .unwrap_or_default()
        .encode_utf16()
        .count();
    let mut message = json!({
        "message_id": shown.id, "date": 1_772_366_400, "chat": private(shown.chat), "text": text,
        "from": { "id": 1, "is_bot": true, "first_name": "Belfry", "username": BOT },
        "entities": [{ "type": "bold", "offset": 0, "length": bold }],
    });
    if shown.body["reply_markup"]["inline_keyboard"].is_array() {
        message["reply_markup"] = shown.body["reply_markup"].clone();
    }
    message
}

fn refuse(code: u16, words: &str, parameters: Value) -> Reply {
    let body =
        json!({ "ok": false, "error_code": code, "description": words, "parameters": parameters });
    Reply::json(code, body)
}

/// Telegram's answer to one message too many.
pub fn too_many(seconds: u64) -> Reply {
    let words = format!("Too Many Requests: retry after {seconds}");
    refuse(429, &words, json!({ "retry_after": seconds }))
}

fn yes(result: Value) -> Reply {
    Reply::json(200, json!({ "ok": true, "result": result }))
}

impl State {
    fn give(&mut self, kind: &str, what: Value) {
        self.given += 1;
        let mut update = json!({ "update_id": 5000 + self.given });
        update[kind] = what;
        self.updates.push(update);
    }

    fn hear(&mut self, person: i64, text: &str, to: Option<i64>) {
        self.known.insert(person);
        let mut message = json!({
            "message_id": 100_000 + self.given, "date": 1_772_366_400, "text": text,
            "from": user(person), "chat": private(person),
        });
        if let Some(shown) = self.shown.iter().find(|shown| Some(shown.id) == to) {
            message["reply_to_message"] = as_message(shown);
        }
        self.give("message", message);
    }

    fn serve(&mut self, method: &str, body: Value) -> Reply {
        match method {
            "getme" => yes(json!({
                "id": 1, "is_bot": true, "first_name": "Belfry", "username": BOT, "can_join_groups": true,
                "can_read_all_group_messages": false, "supports_inline_queries": false, "has_main_web_app": false,
            })),
            "getupdates" => self.updates(&body),
            "sendmessage" => self.send(body),
            "editmessagetext" | "editmessagereplymarkup" => self.edit(body),
            "answercallbackquery" => {
                let press = body["callback_query_id"].as_str().unwrap().to_owned();
                self.told.insert(press, body);
                yes(json!(true))
            }
            "setwebhook" => {
                self.webhook = Some(body);
                yes(json!(true))
            }
            "deletewebhook" => {
                self.webhook = None;
                yes(json!(true))
            }
            _ => refuse(404, "Not Found", json!({})),
        }
    }

    fn updates(&mut self, body: &Value) -> Reply {
        if self.webhook.is_some() {
            let words = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first";
            return refuse(409, words, json!({}));
        }
        if let Some(offset) = body["offset"].as_u64() {
            self.updates
                .retain(|update| update["update_id"].as_u64().unwrap() >= offset);
        }
        let answer = yes(json!(self.updates));
        match self.updates.is_empty() {
            true => Reply::Late(Duration::from_millis(30), Box::new(answer)),
            false => answer,
        }
    }

    fn send(&mut self, body: Value) -> Reply {
        self.sends += 1;
        if !self.faults.is_empty() {
            return self.faults.remove(0);
        }
        let chat = body["chat_id"].as_i64().unwrap_or_default();
        if let Some(new) = self.moved.get(&chat) {
            let words = "Bad Request: group chat was upgraded to a supergroup chat";
            return refuse(400, words, json!({ "migrate_to_chat_id": new }));
        }
        if self.blocked.contains(&chat) {
            return refuse(403, "Forbidden: bot was blocked by the user", json!({}));
        }
        if !self.known.contains(&chat) {
            return refuse(400, "Bad Request: chat not found", json!({}));
        }
        if let Some(refused) = check(&body) {
            return refused;
        }
        let shown = Shown {
            id: 1 + self.shown.len() as i64,
            chat,
            body,
            edits: 0,
        };
        let answer = yes(as_message(&shown));
        self.shown.push(shown);
        match std::mem::take(&mut self.cuts) {
            true => Reply::Cut,
            false => answer,
        }
    }

    fn edit(&mut self, body: Value) -> Reply {
        if let Some(refused) = check(&body) {
            return refused;
        }
        let (id, chat) = (body["message_id"].as_i64(), body["chat_id"].as_i64());
        let mut shown = self.shown.iter_mut();
        let shown = shown.find(|shown| Some(shown.id) == id && Some(shown.chat) == chat);
        let Some(shown) = shown else {
            return refuse(400, "Bad Request: message to edit not found", json!({}));
        };
        shown.edits += 1;
        for name in ["text", "entities", "reply_markup"] {
            if !body[name].is_null() {
                shown.body[name] = body[name].clone();
            }
        }
        yes(as_message(shown))
    }
}

/// What Telegram refuses of a message, whoever reads it.
fn check(body: &Value) -> Option<Reply> {
    let text = body["text"].as_str().unwrap_or("unchanged");
    let shown = text.replace("<b>", "").replace("</b>", "");
    if body["parse_mode"] == "HTML" && (shown.contains('<') || shown.contains('>')) {
        let words = "Bad Request: can't parse entities: unsupported start tag";
        return Some(refuse(400, words, json!({})));
    }
    if text.is_empty() {
        return Some(refuse(400, "Bad Request: message text is empty", json!({})));
    }
    let rows = body["reply_markup"]["inline_keyboard"].as_array();
    for button in rows
        .into_iter()
        .flatten()
        .flat_map(|row| row.as_array().unwrap())
    {
        let data = button["callback_data"].as_str().unwrap_or_default();
        if data.len() > 64 {
            return Some(refuse(400, "Bad Request: BUTTON_DATA_INVALID", json!({})));
        }
        let url = button["url"].as_str().unwrap_or("https://a.b");
        if url.contains("localhost") || url.contains("//127.") {
            let words = format!(
                "Bad Request: inline keyboard button URL '{url}' is invalid: Wrong HTTP URL"
            );
            return Some(refuse(400, &words, json!({})));
        }
    }
    None
}
