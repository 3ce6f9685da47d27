//! SpeedSMS: a token as the name in HTTP Basic, and everything that goes wrong in the body of a 200.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use belfry::config::SmsProvider;
use serde_json::{Value, json};

use super::{Asked, Reply, StandIn};

const PATH: &str = "/index.php/sms/send";
const TOKEN: &str = "speedsms-token";

#[derive(Default)]
struct State {
    taken: Vec<(String, String)>,
    codes: BTreeMap<String, &'static str>,
    hangs_up: bool,
}

/// The stand-in.
pub struct SpeedSms {
    server: StandIn,
    state: Arc<Mutex<State>>,
}

impl SpeedSms {
    pub async fn start() -> Self {
        let state: Arc<Mutex<State>> = Arc::default();
        let serving = state.clone();
        let server = StandIn::start(move |asked| serve(asked, &mut serving.lock().unwrap())).await;
        Self { server, state }
    }

    /// Settings that lead here.
    pub fn settings(&self, settings: &mut belfry::config::Sms) {
        settings.providers.push(SmsProvider::SpeedSms);
        settings.speedsms.url = self.server.url();
        settings.speedsms.token = belfry::secret::Secret::new(TOKEN.to_owned());
        settings.speedsms.sender = "Belfry".to_owned();
    }

    /// Messages to this number (digits alone) are answered with this code; `invalid` names the number in a success.
    pub fn will(&self, phone: &str, code: &'static str) {
        self.state
            .lock()
            .unwrap()
            .codes
            .insert(phone.to_owned(), code);
    }

    /// Takes the next message and hangs up before saying so.
    pub fn hang_up(&self) {
        self.state.lock().unwrap().hangs_up = true;
    }

    /// What reached a phone.
    pub fn taken(&self) -> Vec<(String, String)> {
        self.state.lock().unwrap().taken.clone()
    }
}

fn say(code: &str) -> Reply {
    Reply::json(
        200,
        json!({ "status": "error", "code": code, "message": "As told" }),
    )
}

fn serve(asked: &Asked, state: &mut State) -> Reply {
    let basic = format!("Basic {}", STANDARD.encode(format!("{TOKEN}:x")));
    if (asked.method.as_str(), asked.path.as_str()) != ("POST", PATH) {
        return Reply::text(404, "Not Found");
    }
    if asked.header("authorization") != basic {
        return Reply::text(401, "Unauthorized");
    }
    let body = asked.json();
    let (Some([Value::String(phone)]), Some(content), Some(_), Some(_)) = (
        body["to"].as_array().map(Vec::as_slice),
        body["content"].as_str(),
        body["sms_type"].as_i64(),
        body["sender"].as_str(),
    ) else {
        return say("101");
    };
    let invalid: &[&str] = match state.codes.get(phone) {
        Some(&"invalid") => &[phone.as_str()],
        Some(code) => return say(code),
        None => &[],
    };
    if invalid.is_empty() {
        state.taken.push((phone.clone(), content.to_owned()));
    }
    if std::mem::take(&mut state.hangs_up) {
        return Reply::Cut;
    }
    Reply::json(
        200,
        json!({ "status": "success", "code": "00", "data": {
            "tranId": 1000 + state.taken.len(), "totalSMS": 1, "totalPrice": 250, "invalidPhone": invalid } }),
    )
}
