//! A gateway like many: a form, a key in a header, and a word in the answer.

use belfry::config::{Sms, SmsProvider};
use belfry::secret::Secret;
use serde_json::json;

use super::{Asked, Reply, StandIn};

const PATH: &str = "/v1/messages?ref=";
const KEY: &str = "Key gateway";

/// The stand-in.
pub struct HttpSms {
    pub server: StandIn,
}

impl HttpSms {
    pub async fn start() -> Self {
        Self {
            server: StandIn::start(serve).await,
        }
    }

    /// Settings that lead here.
    pub fn settings(&self, settings: &mut Sms) {
        settings.providers.push(SmsProvider::HttpSms);
        let http = &mut settings.http_sms;
        http.url = format!("{}{PATH}{{{{id}}}}", self.server.url());
        http.content_type = "application/x-www-form-urlencoded".to_owned();
        http.body = "to={{digits}}&text={{text}}&unicode={{unicode}}".to_owned();
        http.headers
            .insert("authorization".to_owned(), Secret::new(KEY.to_owned()));
        http.success_pointer = "/result".to_owned();
        http.success_value = "ok".to_owned();
        http.id_pointer = "/message/id".to_owned();
    }

    /// What reached a phone: number and text.
    pub fn taken(&self) -> Vec<(String, String)> {
        let asked = self.server.asked();
        asked.iter().filter_map(read).collect()
    }
}

fn read(asked: &Asked) -> Option<(String, String)> {
    let fields: Vec<(String, String)> = serde_urlencoded::from_bytes(&asked.body).ok()?;
    let field = |name: &str| {
        let found = fields.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone())
    };
    let (to, text, unicode) = (field("to")?, field("text")?, field("unicode")?);
    (unicode == "1" || text.is_ascii()).then_some((to, text))
}

fn serve(asked: &Asked) -> Reply {
    let id = asked.path.strip_prefix(PATH).unwrap_or_default();
    if asked.method != "POST" || id.len() != 36 {
        return Reply::status(404);
    }
    if asked.header("authorization") != KEY {
        return Reply::status(401);
    }
    match read(asked) {
        Some(_) => Reply::json(202, json!({ "result": "ok", "message": { "id": 7 } })),
        None => Reply::json(400, json!({ "result": "bad request" })),
    }
}
