//! People at the door, and what they are answered.

use belfry_domain::account::Account;
use reqwest::Method;
use serde_json::{Value, json};

use super::Town;

/// Somebody at the door of one node, signed in or not.
#[derive(Clone)]
pub struct Person {
    pub(super) base: String,
    pub(super) http: reqwest::Client,
    pub id: String,
    pub email: String,
    pub token: Option<String>,
    pub refresh_token: String,
}

/// What the house answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
    pub text: String,
    pub headers: reqwest::header::HeaderMap,
}

impl Person {
    /// A stranger at the door of any server.
    pub fn stranger(base: &str) -> Self {
        Self {
            base: base.to_owned(),
            http: crate::engine::http(),
            id: String::new(),
            email: String::new(),
            token: None,
            refresh_token: String::new(),
        }
    }

    /// Somebody with a token at the door of any server.
    pub fn with_token(base: &str, account: &Account, token: &str) -> Self {
        Self {
            id: account.id.to_string(),
            email: account.email.clone(),
            token: Some(token.to_owned()),
            ..Self::stranger(base)
        }
    }

    /// The same person at the door of another node.
    pub fn at(&self, town: &Town, node: usize) -> Self {
        Self {
            base: format!("http://{}", town.nodes[node].address),
            ..self.clone()
        }
    }

    /// Has the session from now on.
    pub fn sign_in_as(&mut self, session: &Answer) {
        self.id = session.body["user"]["id"].as_str().unwrap().to_owned();
        self.token = Some(session.body["access_token"].as_str().unwrap().to_owned());
        self.refresh_token = session.body["refresh_token"].as_str().unwrap().to_owned();
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None, &[]).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body), &[]).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, Some(body), &[]).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, Some(body), &[]).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None, &[]).await
    }

    /// Any request; paths that begin with `/api` or a root path of the contract are taken as they are.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = self.request(method, path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        Answer::of(request.send().await.unwrap()).await
    }

    /// A request to be finished by the caller.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let roots = [
            "/api/",
            "/healthz",
            "/readyz",
            "/metrics",
            "/openapi.json",
            "/asyncapi.json",
            "/docs",
            "/problems/",
            "/calendar/",
            "/static/",
            "/ws",
        ];
        let whole = roots.iter().any(|root| path.starts_with(root));
        let prefix = if whole { "" } else { "/api/v1" };
        let request = self
            .http
            .request(method, format!("{}{prefix}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Books `expert` at `starts_at`.
    pub async fn book(&self, expert: &Person, starts_at: &str) -> Answer {
        let body = json!({ "expert_id": expert.id, "starts_at": starts_at, "mode": "online" });
        self.post("/bookings", body).await
    }

    /// Starts of the free slots of `days` dates from `from` on.
    pub async fn slots(&self, expert: &Person, from: &str, days: u16) -> Vec<String> {
        let path = format!("/experts/{}/slots?from={from}&days={days}", expert.id);
        let answer = self.get(&path).await.expect(200);
        let days = answer.body["days"].as_array().unwrap().iter();
        days.flat_map(|day| day["slots"].as_array().unwrap())
            .map(|slot| slot["starts_at"].as_str().unwrap().to_owned())
            .collect()
    }
}

impl Answer {
    /// Reads an answer to its end.
    pub async fn of(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self {
            status,
            body,
            text,
            headers,
        }
    }

    /// Insists on a status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// Insists on a problem of the catalogue.
    #[track_caller]
    pub fn problem(self, status: u16, slug: &str) -> Self {
        let kind = self
            .headers
            .get("content-type")
            .map(|v| v.to_str().unwrap().to_owned());
        assert_eq!(
            kind.as_deref(),
            Some("application/problem+json"),
            "{}",
            self.text
        );
        assert_eq!(
            self.body["type"],
            format!("/problems/{slug}"),
            "{}",
            self.text
        );
        assert_eq!(self.body["status"], status, "{}", self.text);
        assert!(self.headers.contains_key("x-request-id"), "{}", self.text);
        self.expect(status)
    }

    /// A text member of the body.
    #[track_caller]
    pub fn text(&self, name: &str) -> String {
        self.body[name]
            .as_str()
            .unwrap_or_else(|| panic!("no {name} in {}", self.text))
            .to_owned()
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}
