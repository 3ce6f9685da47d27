//! Firebase Cloud Messaging on this machine: HTTP/2 alone, tokens for signed assertions, an answer of its own for
//! every device, connections that close in the middle.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use h2::server::{Builder, SendResponse};
use h2::{Reason, RecvStream};
use http::{Request, Response};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

const PROJECT: &str = "belfry-test";
const EMAIL: &str = "sender@belfry-test.iam.gserviceaccount.com";
const PRIVATE_KEY: &str = include_str!("service_account.pem");
const PUBLIC_KEY: &str = include_str!("service_account.pub.pem");

/// What a device's messages are answered.
#[derive(Clone, Debug)]
pub enum Fate {
    /// This status and typed error, with these seconds of pause.
    Fault(u16, &'static str, Option<u32>),
    /// A fault that names a field.
    Field(&'static str),
    /// A fault once, after the device has shown the message.
    TakenButFault(u16, &'static str),
    /// The message is shown, and the connection is gone before that is said.
    TakenAndCut,
    /// The stream is refused, so many times.
    RefuseStream(u32),
    /// The connection is closed in good order before this stream, so many times.
    GoAway(u32),
}

#[derive(Default)]
struct State {
    fates: BTreeMap<String, Fate>,
    /// What devices have shown, by their address.
    shown: Vec<(String, Value)>,
    /// Every message that came in, whatever became of it.
    asked: usize,
    connections: usize,
    granted: usize,
    /// Tokens given out before are refused.
    oldest_good: usize,
    refuses_grants: bool,
    seconds: i64,
}

/// The stand-in.
pub struct Fcm {
    port: u16,
    state: Arc<Mutex<State>>,
    listening: JoinHandle<()>,
}

impl Fcm {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State {
            seconds: 3600,
            ..State::default()
        }));
        let shared = state.clone();
        let listening = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shared.lock().unwrap().connections += 1;
                tokio::spawn(serve(stream, shared.clone(), port));
            }
        });
        Self {
            port,
            state,
            listening,
        }
    }

    /// Settings that lead here.
    pub fn settings(&self) -> belfry::config::Fcm {
        let base = format!("http://127.0.0.1:{}", self.port);
        let account = json!({
            "type": "service_account",
            "project_id": PROJECT,
            "client_email": EMAIL,
            "private_key": PRIVATE_KEY,
            "private_key_id": "key-1",
            "token_uri": format!("{base}/token"),
        });
        belfry::config::Fcm {
            service_account: belfry::secret::Secret::new(account.to_string()),
            base_url: base,
            token_url: String::new(),
        }
    }

    /// What messages to this device are answered from now on.
    pub fn will(&self, address: &str, fate: Fate) {
        let mut state = self.state.lock().unwrap();
        state.fates.insert(address.to_owned(), fate);
    }

    /// What this device has shown.
    pub fn shown(&self, address: &str) -> Vec<Value> {
        let state = self.state.lock().unwrap();
        let here = state.shown.iter().filter(|(to, _)| to == address);
        here.map(|(_, message)| message.clone()).collect()
    }

    /// Messages that came in, connections made, tokens given out.
    pub fn counts(&self) -> (usize, usize, usize) {
        let state = self.state.lock().unwrap();
        (state.asked, state.connections, state.granted)
    }

    /// Refuses every token given out so far.
    pub fn revoke(&self) {
        let mut state = self.state.lock().unwrap();
        state.oldest_good = state.granted + 1;
    }

    /// Whether it gives out tokens.
    pub fn refuse_grants(&self, refuses: bool) {
        self.state.lock().unwrap().refuses_grants = refuses;
    }
}

impl Drop for Fcm {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// What a request makes of its whole connection.
enum Order {
    /// Gone at once.
    Cut,
    /// No new stream is begun any more.
    GoAway,
}

async fn serve(stream: TcpStream, state: Arc<Mutex<State>>, port: u16) {
    stream.set_nodelay(true).unwrap();
    let mut builder = Builder::new();
    builder.max_concurrent_streams(100);
    let Ok(mut connection) = builder.handshake::<_, Bytes>(stream).await else {
        return;
    };
    let (orders, mut ordered) = mpsc::unbounded_channel();
    loop {
        tokio::select! {
            accepted = connection.accept() => match accepted {
                Some(Ok((request, respond))) => {
                    tokio::spawn(take(request, respond, state.clone(), port, orders.clone()));
                }
                _ => return,
            },
            Some(order) = ordered.recv() => match order {
                Order::Cut => return,
                Order::GoAway => connection.graceful_shutdown(),
            },
        }
    }
}

/// Takes one request, as the device's fate has it.
async fn take(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    shared: Arc<Mutex<State>>,
    port: u16,
    orders: mpsc::UnboundedSender<Order>,
) {
    let (address, message) = match read(request, &shared, port).await {
        Ok(Asked::Message(address, message)) => (address, message),
        Ok(Asked::Answered(status, body)) | Err((status, body)) => {
            answer(&mut respond, status, &body, None);
            return;
        }
    };
    let mut state = shared.lock().unwrap();
    let fate = state.fates.get(&address).cloned();
    let shown = matches!(
        fate,
        None | Some(Fate::TakenButFault(..) | Fate::TakenAndCut)
    );
    if shown {
        let message = message["message"].clone();
        state.shown.push((address.clone(), message));
    }
    match fate {
        None => {
            let name = format!("projects/{PROJECT}/messages/{}", uuid::Uuid::now_v7());
            answer(&mut respond, 200, &json!({ "name": name }), None);
        }
        Some(Fate::Fault(status, code, pause)) => {
            answer(&mut respond, status, &fault(status, code, None), pause);
        }
        Some(Fate::Field(field)) => {
            let body = fault(400, "INVALID_ARGUMENT", Some(field));
            answer(&mut respond, 400, &body, None);
        }
        Some(Fate::TakenButFault(status, code)) => {
            state.fates.remove(&address);
            answer(&mut respond, status, &fault(status, code, None), None);
        }
        Some(Fate::TakenAndCut) => drop(orders.send(Order::Cut)),
        Some(Fate::RefuseStream(times)) => {
            state.not_begun(&address, times, Fate::RefuseStream);
            respond.send_reset(Reason::REFUSED_STREAM);
        }
        Some(Fate::GoAway(times)) => {
            state.not_begun(&address, times, Fate::GoAway);
            drop(orders.send(Order::GoAway));
            respond.send_reset(Reason::REFUSED_STREAM);
        }
    }
}

impl State {
    /// Nothing was begun of this message; its fate holds for one time less.
    fn not_begun(&mut self, address: &str, times: u32, fate: impl Fn(u32) -> Fate) {
        self.asked -= 1;
        if times > 1 {
            self.fates.insert(address.to_owned(), fate(times - 1));
        } else {
            self.fates.remove(address);
        }
    }
}

enum Asked {
    Message(String, Value),
    Answered(u16, Value),
}

type Refusal = (u16, Value);

/// Reads a request as FCM would, and insists on everything that FCM insists on.
async fn read(
    request: Request<RecvStream>,
    state: &Mutex<State>,
    port: u16,
) -> Result<Asked, Refusal> {
    let (head, mut stream) = request.into_parts();
    let mut body = Vec::new();
    while let Some(chunk) = stream.data().await {
        let chunk = chunk.map_err(|_| (400, json!({})))?;
        stream.flow_control().release_capacity(chunk.len()).unwrap();
        body.extend_from_slice(&chunk);
    }
    let path = head.uri.path();
    if path == "/token" {
        return grant(&body, state, port);
    }
    if path != format!("/v1/projects/{PROJECT}/messages:send") || head.method != "POST" {
        return Err((
            404,
            json!({ "error": { "code": 404, "status": "NOT_FOUND" } }),
        ));
    }
    let token = head.headers.get("authorization");
    let token = token.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer granted-"));
    let number = token.and_then(|number| number.parse::<usize>().ok());
    let mut state = state.lock().unwrap();
    if number.is_none_or(|number| number < state.oldest_good) {
        return Err((
            401,
            json!({ "error": { "code": 401, "status": "UNAUTHENTICATED" } }),
        ));
    }
    let message: Value =
        serde_json::from_slice(&body).map_err(|_| (400, fault(400, "INVALID_ARGUMENT", None)))?;
    state.asked += 1;
    let inner = &message["message"];
    let shown = json!([inner["notification"], inner["data"]]).to_string();
    let data = inner["data"].as_object();
    let texts = data.is_none_or(|data| data.values().all(Value::is_string));
    if shown.len() > 4096 || !texts {
        return Err((400, fault(400, "INVALID_ARGUMENT", Some("message.data"))));
    }
    match (inner["token"].as_str(), inner["fid"].as_str()) {
        (Some(address), None) | (None, Some(address)) => {
            Ok(Asked::Message(address.to_owned(), message.clone()))
        }
        _ => Err((400, fault(400, "INVALID_ARGUMENT", Some("message")))),
    }
}

/// Gives a token for a signed assertion (RFC 7523), as Google's token endpoint does.
fn grant(body: &[u8], state: &Mutex<State>, port: u16) -> Result<Asked, Refusal> {
    let refused = |why: &str| {
        (
            400,
            json!({ "error": "invalid_grant", "error_description": why }),
        )
    };
    let form: BTreeMap<String, String> = url::form_urlencoded::parse(body).into_owned().collect();
    let kind = form.get("grant_type").map(String::as_str);
    if kind != Some("urn:ietf:params:oauth:grant-type:jwt-bearer") {
        return Err(refused("grant_type"));
    }
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&[format!("http://127.0.0.1:{port}/token")]);
    validation.set_issuer(&[EMAIL]);
    // The house lives on a clock of its own.
    validation.validate_exp = false;
    let key = DecodingKey::from_rsa_pem(PUBLIC_KEY.as_bytes()).unwrap();
    let assertion = form.get("assertion").map_or("", String::as_str);
    let read = jsonwebtoken::decode::<Value>(assertion, &key, &validation)
        .map_err(|error| refused(&error.to_string()))?;
    let (issued, ends) = (read.claims["iat"].as_i64(), read.claims["exp"].as_i64());
    let scope = "https://www.googleapis.com/auth/firebase.messaging";
    let fits = ends
        .zip(issued)
        .is_some_and(|(ends, issued)| ends - issued <= 3600);
    let mut state = state.lock().unwrap();
    if state.refuses_grants || !fits || read.claims["scope"] != scope {
        return Err(refused("not today"));
    }
    state.granted += 1;
    let token = format!("granted-{}", state.granted);
    let answer =
        json!({ "access_token": token, "expires_in": state.seconds, "token_type": "Bearer" });
    Ok(Asked::Answered(200, answer))
}

/// An error as FCM writes it.
fn fault(status: u16, code: &str, field: Option<&str>) -> Value {
    let mut details = vec![json!({
        "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code,
    })];
    if let Some(field) = field {
        details.push(json!({
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [{ "field": field, "description": "Invalid value" }],
        }));
    }
    json!({ "error": { "code": status, "status": "AS_TOLD", "message": "as told", "details": details } })
}

fn answer(respond: &mut SendResponse<Bytes>, status: u16, body: &Value, pause: Option<u32>) {
    let mut response = Response::builder().status(status);
    if let Some(seconds) = pause {
        response = response.header("retry-after", seconds);
    }
    let response = response.body(()).unwrap();
    // Whoever has gone hears nothing.
    if let Ok(mut stream) = respond.send_response(response, false) {
        stream.send_data(Bytes::from(body.to_string()), true).ok();
    }
}
