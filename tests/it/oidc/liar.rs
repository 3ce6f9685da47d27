//! A provider that keeps to the protocol but lies: each lie alone must be found out, and the same word without one is
//! believed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use belfry_domain::id::UserId;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::Url;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::browser::Browser;
use super::{HOUSE, SECRET, proved_admin, town};
use crate::engine::{Fresh, on_both_engines};
use crate::standin::{Asked, Reply, StandIn};
use crate::town::Town;

on_both_engines!(
    a_word_that_does_not_fit_signs_nobody_in,
    whoever_comes_from_another_provider_is_not_let_in,
    a_provider_that_describes_itself_wrongly_is_not_gone_to,
    over_tls_the_cookie_is_this_hosts_alone,
);

const KEY: &str = include_str!("../standin/service_account.pem");
/// The modulus of that key.
const MODULUS: &str = "mqaTjRLjnmz9FGnsIOtVjxao3gmLlgzX5f9SLYbYhWG5ZePpW_gqRJCKWS1AXR1WTBm4niT9FLeECSfCnwLPIZa36qSjQiw3JLSFrJPWjr0RhIg0_C25ML5p9LGPu_ZiCnKopiPLuUm8TKoNvXKbhgFbeiiTUoCs7xt9Gwh7luuL2Oel73jPGweAbZrdHITr2J2h5wJ8V9ORAUGbOiPzN6H5IL7jYDV0qv_BzjxMGP3vO7VppX2myia0duFQ1MgI6maRO1irciu4MGH9XGOOlZfPS7EBv0Sqnp9xmpwnHXHxWWz34YwZSh2GfI-CH7em3eid1jDlImSGN5oRDIzMeQ";

/// One lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Lie {
    None,
    Nonce,
    NoNonce,
    Audience,
    NoAudience,
    TwoAudiences,
    Party,
    Issuer,
    Expired,
    NoEnd,
    NotIssuedYet,
    OtherSeal,
    Unsigned,
    BySecret,
    ByPublicKey,
    OtherAccessToken,
    NoToken,
    Unverified,
    /// What the user info says is about somebody else.
    OtherUser,
    Breakdown,
}

#[derive(Default)]
struct State {
    lie: Option<Lie>,
    email: String,
    issuer: String,
    /// Laid over what it says of itself.
    about: BTreeMap<&'static str, Value>,
    /// On the clock of the house.
    now: i64,
    /// Of the last sign-in.
    nonce: String,
    challenge: String,
    /// Whether the code came with the verifier of its sign-in, and from whom it claims to be.
    proved: bool,
}

fn serve(asked: &Asked, state: &mut State) -> Reply {
    let path = asked.path.split('?').next().unwrap_or_default();
    let issuer = state.issuer.clone();
    let lie = state.lie.unwrap_or(Lie::None);
    let answer = match path {
        "/.well-known/openid-configuration" => {
            let mut about = json!({
                "issuer": issuer, "authorization_endpoint": format!("{issuer}/auth"),
                "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/keys"),
                "userinfo_endpoint": format!("{issuer}/me"),
                "response_types_supported": ["code"], "subject_types_supported": ["public"],
                // It would take them all.
                "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
            });
            for (name, value) in &state.about {
                about[*name] = value.clone();
            }
            about
        }
        "/keys" => json!({ "keys": [
            { "kty": "RSA", "use": "sig", "alg": "RS256", "kid": "1", "n": MODULUS, "e": "AQAB" },
        ] }),
        "/token" if lie == Lie::Breakdown => return Reply::status(500),
        "/token" => {
            let form: BTreeMap<String, String> = serde_urlencoded::from_bytes(&asked.body).unwrap();
            let digest = Sha256::digest(form["code_verifier"].as_bytes());
            // The secret's own signs are escaped (RFC 6749 §2.3.1).
            let secret: String = url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
            let basic = format!("belfry:{secret}");
            let basic = base64::engine::general_purpose::STANDARD.encode(basic);
            state.proved = state.challenge == URL_SAFE_NO_PAD.encode(digest)
                && asked.header("authorization") == format!("Basic {basic}")
                && form["redirect_uri"] == format!("{HOUSE}/auth/oidc/callback");
            let mut tokens =
                json!({ "access_token": "a", "token_type": "Bearer", "expires_in": 60 });
            if lie != Lie::NoToken {
                tokens["id_token"] = json!(token(state, lie));
            }
            tokens
        }
        "/me" => json!({ "sub": "2", "email": state.email, "email_verified": true }),
        _ => return Reply::status(404),
    };
    Reply::json(200, answer)
}

fn token(state: &State, lie: Lie) -> String {
    let now = state.now;
    let hash = |token: &str| URL_SAFE_NO_PAD.encode(&Sha256::digest(token.as_bytes())[..16]);
    let mut claims = json!({
        "iss": state.issuer, "aud": "belfry", "sub": "1", "iat": now - 5, "exp": now + 600, "nonce": state.nonce,
        "email": state.email, "email_verified": true, "at_hash": hash("a"),
    });
    let mut drop_claim = |name: &str| drop(claims.as_object_mut().unwrap().remove(name));
    match lie {
        Lie::NoNonce => drop_claim("nonce"),
        Lie::NoAudience => drop_claim("aud"),
        Lie::NoEnd => drop_claim("exp"),
        Lie::OtherUser => drop_claim("email"),
        Lie::Nonce => claims["nonce"] = json!("another"),
        Lie::Audience => claims["aud"] = json!("another-house"),
        Lie::TwoAudiences => claims["aud"] = json!(["belfry", "another-house"]),
        Lie::Party => {
            claims["aud"] = json!(["another-house"]);
            claims["azp"] = json!("belfry");
        }
        Lie::Issuer => claims["iss"] = json!("https://evil.test"),
        Lie::Expired => claims["exp"] = json!(now - 1),
        Lie::NotIssuedYet => claims["iat"] = json!(now + 3600),
        Lie::OtherAccessToken => claims["at_hash"] = json!(hash("b")),
        Lie::Unverified => claims["email_verified"] = json!(false),
        _ => {}
    }
    let mut header = Header::new(Algorithm::RS256);
    header.kid = Some("1".to_owned());
    let own = EncodingKey::from_rsa_pem(KEY.as_bytes()).unwrap();
    let by_secret = |secret: &str| {
        let key = EncodingKey::from_secret(secret.as_bytes());
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap()
    };
    match lie {
        Lie::Unsigned => {
            let head = URL_SAFE_NO_PAD.encode(br#"{"alg":"none"}"#);
            format!("{head}.{}.", URL_SAFE_NO_PAD.encode(claims.to_string()))
        }
        // Whoever has read the settings could do that.
        Lie::BySecret => by_secret(SECRET),
        // And this anybody who knows the public key, were it taken for a secret.
        Lie::ByPublicKey => by_secret(MODULUS),
        Lie::OtherSeal => {
            let signed = jsonwebtoken::encode(&header, &claims, &own).unwrap();
            let (head, seal) = signed.rsplit_once('.').unwrap();
            let seal: String = seal.chars().rev().collect();
            format!("{head}.{seal}")
        }
        _ => jsonwebtoken::encode(&header, &claims, &own).unwrap(),
    }
}

/// The liar, and what it goes by.
async fn liar() -> (StandIn, Arc<Mutex<State>>) {
    let state = Arc::new(Mutex::new(State::default()));
    let serving = state.clone();
    let server = StandIn::start(move |asked| serve(asked, &mut serving.lock().unwrap())).await;
    state.lock().unwrap().issuer = server.url();
    (server, state)
}

/// Begins a sign-in that the liar goes by; answers its state.
async fn begun(town: &Town, browser: &mut Browser, liar: &Mutex<State>, lie: Lie) -> String {
    let sent = browser.start().await.expect(200).text("url");
    let sent = Url::parse(&sent).unwrap();
    let asked = |name: &str| {
        let mut pairs = sent.query_pairs();
        let (_, value) = pairs.find(|(found, _)| found == name).expect("asked for");
        value.into_owned()
    };
    assert_eq!(asked("response_type"), "code");
    assert_eq!(asked("scope"), "openid email profile");
    assert_eq!(asked("code_challenge_method"), "S256");
    assert_eq!(asked("redirect_uri"), format!("{HOUSE}/auth/oidc/callback"));
    let mut liar = liar.lock().unwrap();
    liar.lie = Some(lie);
    liar.now = town.now().timestamp();
    liar.nonce = asked("nonce");
    liar.challenge = asked("code_challenge");
    liar.proved = false;
    asked("state")
}

async fn a_word_that_does_not_fit_signs_nobody_in(fresh: &Fresh) {
    let (server, state) = liar().await;
    let town = town(fresh, &server.url(), |_| {}).await;
    let admin = proved_admin(&town).await;
    state.lock().unwrap().email.clone_from(&admin.email);
    for (lie, status, slug) in [
        (Lie::Nonce, 502, "oidc-refused"),
        (Lie::NoNonce, 502, "oidc-refused"),
        (Lie::Audience, 502, "oidc-refused"),
        (Lie::NoAudience, 502, "oidc-refused"),
        (Lie::TwoAudiences, 502, "oidc-refused"),
        (Lie::Party, 502, "oidc-refused"),
        (Lie::Issuer, 502, "oidc-refused"),
        (Lie::Expired, 502, "oidc-refused"),
        (Lie::NoEnd, 502, "oidc-refused"),
        (Lie::NotIssuedYet, 502, "oidc-refused"),
        (Lie::OtherSeal, 502, "oidc-refused"),
        (Lie::Unsigned, 502, "oidc-refused"),
        (Lie::BySecret, 502, "oidc-refused"),
        (Lie::ByPublicKey, 502, "oidc-refused"),
        (Lie::OtherAccessToken, 502, "oidc-refused"),
        (Lie::NoToken, 502, "oidc-refused"),
        (Lie::OtherUser, 502, "oidc-refused"),
        (Lie::Unverified, 403, "oidc-unverified"),
        (Lie::Breakdown, 503, "oidc-unreachable"),
    ] {
        let mut browser = Browser::at(&town);
        let back = begun(&town, &mut browser, &state, lie).await;
        let answer = browser
            .hand_over(&json!({ "state": back, "code": "c" }))
            .await;
        assert_eq!(answer.status, status, "{lie:?}: {}", answer.text);
        answer.problem(status, slug);
        let proved = state.lock().unwrap().proved;
        assert!(
            proved || lie == Lie::Breakdown,
            "the verifier goes with the code"
        );
    }
    let id: UserId = admin.id.parse().unwrap();
    assert_eq!(town.store.oidc_links_of(id).await.unwrap(), []);
    let mut browser = Browser::at(&town);
    let back = begun(&town, &mut browser, &state, Lie::None).await;
    let session = browser
        .hand_over(&json!({ "state": back, "code": "c" }))
        .await;
    assert_eq!(session.expect(200).body["user"]["id"], json!(admin.id));
    // Whoever wants to be asked again is: somebody signed out here before.
    let again = json!({ "again": true });
    let begun = town
        .stranger()
        .post("/auth/oidc/start", again)
        .await
        .expect(200);
    assert!(begun.text("url").contains("prompt=login"));
    // Its own word about itself was believed for a while.
    let asked = server.asked();
    let about = asked
        .iter()
        .filter(|asked| asked.path.contains("well-known"));
    assert!(about.count() < 10, "it is asked about itself each time");
    town.close().await;
}

async fn whoever_comes_from_another_provider_is_not_let_in(fresh: &Fresh) {
    let (server, state) = liar().await;
    let town = town(fresh, &server.url(), |_| {}).await;
    let admin = proved_admin(&town).await;
    state.lock().unwrap().email.clone_from(&admin.email);
    let own = server.url();
    for (says_who, from, status) in [
        (false, None, 200),
        (false, Some("https://evil.test"), 502),
        (false, Some(&*own), 200),
        (true, None, 502),
        (true, Some("https://evil.test"), 502),
        (true, Some(&*own), 200),
    ] {
        let name = "authorization_response_iss_parameter_supported";
        state.lock().unwrap().about.insert(name, json!(says_who));
        // What it said before is not believed any longer.
        town.clock.advance(chrono::TimeDelta::seconds(61));
        let mut browser = Browser::at(&town);
        let back = begun(&town, &mut browser, &state, Lie::None).await;
        let mut body = json!({ "state": back, "code": "c" });
        if let Some(from) = from {
            body["iss"] = json!(from);
        }
        let answer = browser.hand_over(&body).await;
        assert_eq!(
            answer.status, status,
            "{says_who} {from:?}: {}",
            answer.text
        );
        let proved = state.lock().unwrap().proved;
        assert_eq!(
            proved,
            status == 200,
            "the code went to a provider it is not from"
        );
    }
    town.close().await;
}

async fn a_provider_that_describes_itself_wrongly_is_not_gone_to(fresh: &Fresh) {
    let (server, state) = liar().await;
    let town = town(fresh, &server.url(), |_| {}).await;
    let own = server.url();
    for (name, value) in [
        ("issuer", json!("https://evil.test")),
        ("issuer", json!(format!("{own}/"))),
        ("authorization_endpoint", json!("javascript:alert(1)")),
        ("token_endpoint", json!("file:///etc/passwd")),
        ("token_endpoint", json!(null)),
        ("jwks_uri", json!(format!("{own}/nothing"))),
        ("response_types_supported", json!("none")),
    ] {
        state.lock().unwrap().about = BTreeMap::from([(name, value.clone())]);
        let answer = Browser::at(&town).start().await;
        assert_eq!(answer.status, 503, "{name} {value}: {}", answer.text);
        answer.problem(503, "oidc-unreachable");
    }
    state.lock().unwrap().about.clear();
    let endless = "x".repeat(600 * 1024);
    server.next([Reply::text(200, &endless)]);
    Browser::at(&town)
        .start()
        .await
        .problem(503, "oidc-unreachable");
    // A redirect is not followed: it would show the secret elsewhere.
    server.next([Reply::status(302).with("location", &format!("{own}/keys"))]);
    Browser::at(&town)
        .start()
        .await
        .problem(503, "oidc-unreachable");
    Browser::at(&town).start().await.expect(200);
    town.close().await;
}

async fn over_tls_the_cookie_is_this_hosts_alone(fresh: &Fresh) {
    let (server, _) = liar().await;
    let town = town(fresh, &server.url(), |settings| {
        settings.http.public_url = "https://house.test".to_owned();
    })
    .await;
    let begun = Browser::at(&town).start().await.expect(200);
    let cookie = begun.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-belfry-oidc-"), "{cookie}");
    assert!(cookie.ends_with("; Secure"), "{cookie}");
    assert!(!cookie.contains("Domain"), "{cookie}");
    let redirect = "redirect_uri=https%3A%2F%2Fhouse.test%2Fauth%2Foidc%2Fcallback";
    assert!(begun.text("url").contains(redirect));
    town.close().await;
}
