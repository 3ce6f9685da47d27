//! A browser, as far as signing in goes.

use std::collections::BTreeMap;

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, Url};
use serde_json::{Map, Value, json};

use super::HOUSE;
use crate::town::{Answer, Town};

/// Keeps cookies by host and follows nothing by itself.
#[derive(Clone)]
pub struct Browser {
    http: Client,
    /// The door at which the house is.
    pub door: String,
    pub cookies: BTreeMap<String, BTreeMap<String, String>>,
}

impl Browser {
    /// A new one at the first door.
    pub fn at(town: &Town) -> Self {
        belfry::tls::install();
        let http = Client::builder().redirect(Policy::none()).build();
        Self {
            http: http.unwrap(),
            door: format!("http://{}", town.nodes[0].address),
            cookies: BTreeMap::new(),
        }
    }

    /// Signs in at the provider as `who`, from the button to the page that people come back to.
    pub async fn sign_in(&mut self, who: &str) -> Answer {
        let back = self.until_back(who).await;
        self.hand_over(&back).await
    }

    /// The same up to what the provider gives along.
    pub async fn until_back(&mut self, who: &str) -> Value {
        let begun = self.start().await.expect(200);
        self.visit(&begun.text("url"), who).await
    }

    /// Presses the button.
    pub async fn start(&mut self) -> Answer {
        self.call("/api/v1/auth/oidc/start", &json!({})).await
    }

    /// Hands over what the provider gave along.
    pub async fn hand_over(&mut self, back: &Value) -> Answer {
        self.call("/api/v1/auth/oidc/callback", back).await
    }

    /// At the provider, until it sends back: as `who` (`name;address;unverified;group,group`), or as nobody, who turns
    /// back at its log-in form.
    pub async fn visit(&mut self, url: &str, who: &str) -> Value {
        let mut url = url.to_owned();
        let issuer = Url::parse(&url).unwrap().origin().ascii_serialization();
        let said = self
            .http
            .post(format!("{issuer}/person"))
            .body(who.to_owned());
        assert_eq!(said.send().await.unwrap().status(), 204);
        let name = who.split(';').next().unwrap();
        for _ in 0..20 {
            if url.starts_with(HOUSE) {
                return given_along(&url);
            }
            let answer = self.send(&url, self.http.get(&url)).await;
            url = match location(&answer, &url) {
                Some(next) => next,
                None if who.is_empty() => format!("{url}/abort"),
                None => {
                    // The page that asks who it is, or whether the house may know.
                    let page = answer.text().await.unwrap();
                    let asks_who = page.contains("name=\"login\"");
                    let prompt = if asks_who { "login" } else { "consent" };
                    let form = [("prompt", prompt), ("login", name), ("password", "any")];
                    let body = serde_urlencoded::to_string(form).unwrap();
                    let request = self.http.post(&url).body(body);
                    let kind = "application/x-www-form-urlencoded";
                    let request = request.header("content-type", kind);
                    let answer = self.send(&url, request).await;
                    location(&answer, &url).expect("the provider leads on")
                }
            };
        }
        panic!("the provider leads nowhere");
    }

    async fn call(&mut self, path: &str, body: &Value) -> Answer {
        let url = format!("{}{path}", self.door);
        let request = self.http.post(&url).json(body);
        Answer::of(self.send(HOUSE, request).await).await
    }

    async fn send(&mut self, place: &str, request: RequestBuilder) -> Response {
        let host = Url::parse(place).unwrap().authority().to_owned();
        let known = self.cookies.entry(host).or_default();
        let sent: Vec<String> = known.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let request = request.header(COOKIE, sent.join("; "));
        let answer = request.send().await.unwrap();
        for cookie in answer.headers().get_all(SET_COOKIE) {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if value.is_empty() {
                known.remove(name);
            } else {
                known.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    /// The cookies that the house gave.
    pub fn house_cookies(&mut self) -> &mut BTreeMap<String, String> {
        let host = Url::parse(HOUSE).unwrap().authority().to_owned();
        self.cookies.entry(host).or_default()
    }
}

/// What the page hands over of an address that somebody comes back by.
pub fn given_along(url: &str) -> Value {
    let url = Url::parse(url).unwrap();
    assert_eq!(url.path(), "/auth/oidc/callback");
    let mut given = Map::new();
    for (name, value) in url.query_pairs() {
        if ["state", "code", "error", "iss"].contains(&&*name) {
            given.insert(name.into_owned(), value.into());
        }
    }
    Value::Object(given)
}

/// Where an answer leads, as an address of its own.
fn location(answer: &Response, from: &str) -> Option<String> {
    let led = answer.headers().get(LOCATION)?.to_str().ok()?;
    Some(Url::parse(from).unwrap().join(led).unwrap().to_string())
}
