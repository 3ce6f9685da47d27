//! eSMS: one path, keys in the body, everything that goes wrong in the body of a 200, and each RequestId taken once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use belfry::config::SmsProvider;
use serde_json::json;

use super::{Asked, Reply, StandIn};

const PATH: &str = "/MainService.svc/json/SendMultipleMessage_V4_post_json/";
const API_KEY: &str = "esms-key";
const SECRET_KEY: &str = "esms-secret";
const BRANDNAME: &str = "Belfry";

#[derive(Default)]
struct State {
    /// What reached a phone: number and text, in order.
    taken: Vec<(String, String)>,
    requests: BTreeMap<String, String>,
    codes: BTreeMap<String, &'static str>,
    hangs_up: bool,
}

/// The stand-in.
pub struct Esms {
    server: StandIn,
    state: Arc<Mutex<State>>,
}

impl Esms {
    pub async fn start() -> Self {
        let state: Arc<Mutex<State>> = Arc::default();
        let serving = state.clone();
        let server = StandIn::start(move |asked| serve(asked, &mut serving.lock().unwrap())).await;
        Self { server, state }
    }

    /// Settings that lead here.
    pub fn settings(&self, settings: &mut belfry::config::Sms) {
        settings.providers.push(SmsProvider::Esms);
        let esms = &mut settings.esms;
        esms.url = self.server.url();
        esms.api_key = belfry::secret::Secret::new(API_KEY.to_owned());
        esms.secret_key = belfry::secret::Secret::new(SECRET_KEY.to_owned());
        esms.brandname = BRANDNAME.to_owned();
    }

    /// Messages to this number (digits alone) are answered with this code.
    pub fn will(&self, phone: &str, code: &'static str) {
        self.state
            .lock()
            .unwrap()
            .codes
            .insert(phone.to_owned(), code);
    }

    /// Messages to this number are taken again.
    pub fn forget(&self, phone: &str) {
        self.state.lock().unwrap().codes.remove(phone);
    }

    /// Takes the next message and hangs up before saying so.
    pub fn hang_up(&self) {
        self.state.lock().unwrap().hangs_up = true;
    }

    /// What reached a phone.
    pub fn taken(&self) -> Vec<(String, String)> {
        self.state.lock().unwrap().taken.clone()
    }

    /// Everything that was asked.
    pub fn asked(&self) -> Vec<Asked> {
        self.server.asked()
    }
}

fn say(code: &str, words: &str) -> Reply {
    Reply::json(
        200,
        json!({ "CodeResult": code, "CountRegenerate": 0, "ErrorMessage": words }),
    )
}

fn serve(asked: &Asked, state: &mut State) -> Reply {
    if (asked.method.as_str(), asked.path.as_str()) != ("POST", PATH) {
        return Reply::text(404, "<html>Endpoint not found.</html>");
    }
    let body = asked.json();
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    if text("ApiKey") != API_KEY || text("SecretKey") != SECRET_KEY {
        return say("101", "Authorize Failed");
    }
    if text("Brandname") != BRANDNAME {
        return say("104", "Brandname not exist");
    }
    if !["2", "8"].contains(&text("SmsType").as_str()) {
        return say("118", "SmsType not valid");
    }
    let (phone, content, id) = (text("Phone"), text("Content"), text("RequestId"));
    if !phone.starts_with("84") || phone.len() != 11 {
        return say("108", "Phone not valid");
    }
    // Without the flag, letters beyond ASCII do not arrive.
    if !content.is_ascii() && body["IsUnicode"] != "1" {
        return say("110", "Content not valid");
    }
    if let Some(code) = state.codes.get(&phone) {
        return say(code, "As told");
    }
    if state.requests.contains_key(&id) {
        return say("124", "RequestId is duplicate");
    }
    let sms_id = format!("sms-{}", state.taken.len() + 1);
    state.requests.insert(id, sms_id.clone());
    state.taken.push((phone, content));
    if std::mem::take(&mut state.hangs_up) {
        return Reply::Cut;
    }
    Reply::json(
        200,
        json!({ "CodeResult": "100", "CountRegenerate": 0, "SMSID": sms_id }),
    )
}
