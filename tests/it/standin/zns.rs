//! Zalo's notification service and its tokens: an access token that ends, a refresh token that works once, approved
//! templates with named gaps, and everything that goes wrong in the body of a 200.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use belfry::config::{Sms, SmsProvider};
use belfry::secret::Secret;
use belfry_domain::zns::Approved;
use serde_json::{Value, json};

use super::{Asked, Reply, StandIn};

const APP_ID: &str = "app-1";
const SECRET_KEY: &str = "zalo-secret";
const FIRST_REFRESH: &str = "refresh-0";
const TEMPLATE: &str = "300001";

#[derive(Default)]
struct State {
    /// What reached a phone: number and what filled the gaps.
    taken: Vec<(String, Value)>,
    codes: BTreeMap<String, i64>,
    access: BTreeSet<String>,
    refresh: String,
    renewed: usize,
}

/// The stand-in.
pub struct Zns {
    server: StandIn,
    state: Arc<Mutex<State>>,
}

impl Zns {
    pub async fn start() -> Self {
        let state = Arc::new(Mutex::new(State {
            refresh: FIRST_REFRESH.to_owned(),
            ..State::default()
        }));
        let serving = state.clone();
        let server = StandIn::start(move |asked| serve(asked, &mut serving.lock().unwrap())).await;
        Self { server, state }
    }

    /// Settings that lead here, with an approved text for confirmed bookings in Vietnamese.
    pub fn settings(&self, settings: &mut Sms) {
        settings.providers.push(SmsProvider::Zns);
        let zns = &mut settings.zns;
        zns.url = format!("{}/", self.server.url());
        zns.oauth_url = format!("{}/", self.server.url());
        zns.app_id = APP_ID.to_owned();
        zns.secret_key = Secret::new(SECRET_KEY.to_owned());
        zns.refresh_token = Secret::new(FIRST_REFRESH.to_owned());
        let gaps = [
            ("customer", "to_name|cut(30)"),
            ("code", "data.code"),
            ("time", "data.starts_at|local('%H:%M %d/%m/%Y')"),
        ];
        zns.templates.push(Approved {
            kind: "booking.confirmed".to_owned(),
            language: "vi".to_owned(),
            template_id: TEMPLATE.to_owned(),
            data: gaps.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        });
    }

    /// Messages to this number (digits alone) are answered with this code.
    pub fn will(&self, phone: &str, code: i64) {
        self.state
            .lock()
            .unwrap()
            .codes
            .insert(phone.to_owned(), code);
    }

    /// Ends every access token given out so far.
    pub fn revoke(&self) {
        self.state.lock().unwrap().access.clear();
    }

    /// How often tokens were renewed.
    pub fn renewed(&self) -> usize {
        self.state.lock().unwrap().renewed
    }

    /// What reached a phone.
    pub fn taken(&self) -> Vec<(String, Value)> {
        self.state.lock().unwrap().taken.clone()
    }

    /// How many messages were tried.
    pub fn tried(&self) -> usize {
        let asked = self.server.asked();
        asked
            .iter()
            .filter(|asked| asked.path == "/message/template")
            .count()
    }
}

fn say(code: i64, words: &str) -> Reply {
    Reply::json(200, json!({ "error": code, "message": words }))
}

fn serve(asked: &Asked, state: &mut State) -> Reply {
    match (asked.method.as_str(), asked.path.as_str()) {
        ("POST", "/v4/oa/access_token") => renew(asked, state),
        ("POST", "/message/template") => send(asked, state),
        _ => Reply::status(404),
    }
}

fn renew(asked: &Asked, state: &mut State) -> Reply {
    let fields: BTreeMap<String, String> = serde_urlencoded::from_bytes(&asked.body).unwrap();
    let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
    let known = asked.header("secret_key") == SECRET_KEY
        && field("app_id") == APP_ID
        && field("grant_type") == "refresh_token";
    if !known {
        return Reply::json(200, json!({ "error": -14004, "error_name": "Invalid app" }));
    }
    // Each works once.
    if field("refresh_token") != state.refresh {
        return Reply::json(
            200,
            json!({ "error": -14014, "error_name": "Invalid refresh token" }),
        );
    }
    state.renewed += 1;
    state.refresh = format!("refresh-{}", state.renewed);
    let access = format!("access-{}", state.renewed);
    state.access.insert(access.clone());
    Reply::json(
        200,
        json!({ "access_token": access, "refresh_token": state.refresh, "expires_in": "90000" }),
    )
}

fn send(asked: &Asked, state: &mut State) -> Reply {
    if !state.access.contains(asked.header("access_token")) {
        return say(-124, "Access token invalid");
    }
    let body = asked.json();
    let phone = body["phone"].as_str().unwrap_or_default().to_owned();
    if !phone.starts_with("84") {
        return say(-108, "Phone number invalid");
    }
    if body["template_id"] != TEMPLATE {
        return say(-109, "Template ID invalid");
    }
    let data = &body["template_data"];
    for gap in ["customer", "code", "time"] {
        let Some(text) = data[gap].as_str() else {
            return say(-1122, "Template data missing param");
        };
        if text.chars().count() > 30 {
            return say(-1121, "Template data exceeds max length");
        }
    }
    if let Some(code) = state.codes.get(&phone) {
        return say(*code, "As told");
    }
    state.taken.push((phone, data.clone()));
    let sent = state.taken.len();
    Reply::json(
        200,
        json!({ "error": 0, "message": "Success", "data": {
            "msg_id": format!("zns-{sent}"), "sent_time": "1772366400000",
            "quota": { "dailyQuota": "500", "remainingQuota": "499" } } }),
    )
}
