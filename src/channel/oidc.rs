//! An OpenID Connect provider (C1.7): where people are sent, and what is believed of what comes back.
//!
//! The settings name the provider, so it is called like any other that they name; what it says is believed only as far as
//! `openidconnect` finds its signature, issuer, audience, nonce and times in order. Its description and keys are
//! believed for a minute, so that strangers who knock here do not knock there; a signature that they do not fit is
//! looked at once more with what the provider says then, because keys change.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use arc_swap::ArcSwapOption;
use belfry_domain::oidc::Identity;
use belfry_domain::{Instant, account, text};
use chrono::TimeDelta;
use openidconnect::core::{
    CoreAuthPrompt, CoreAuthenticationFlow, CoreClientAuthMethod, CoreJwsSigningAlgorithm,
};
use openidconnect::{
    AccessTokenHash, AuthType, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret,
    CsrfToken, EndUserEmail, IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, TokenResponse, UserInfoError,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::call;
use crate::config;
use shape::{Claims, Client, Metadata, Tokens, UserInfo};
use wire::{send, told};

/// What is read and written, as types.
mod shape;
/// Requests of the library, sent by the house.
mod wire;

/// How long a call may take; there are three of them while somebody looks at the page.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long what the provider says about itself is believed.
const BELIEVED: TimeDelta = TimeDelta::seconds(60);
/// How much later than here it may be on the provider's clock.
const AHEAD: TimeDelta = TimeDelta::minutes(5);
/// Most groups of a person that are looked at.
const MOST_GROUPS: usize = 2000;
/// Where people come back to.
const CALLBACK: &str = "/auth/oidc/callback";
/// Signatures that only the provider can make. Those by a secret both sides know, and none at all, are not among them.
const SIGNATURES: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// What a provider said about itself.
struct Known {
    client: Client,
    says_who: bool,
    read_at: Instant,
}

/// Somebody on the way to the provider. Their browser keeps it, sealed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Departure {
    /// What they must bring back.
    pub state: String,
    /// What the ID token must say.
    pub nonce: String,
    /// What proves to the provider that the code is brought by whom it was given (RFC 7636).
    pub verifier: String,
}

/// What somebody brought back from the provider.
pub struct Return {
    pub code: String,
    /// The provider they say they come from.
    pub issuer: Option<String>,
}

/// Why nobody was signed in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OidcFailure {
    /// The provider does not answer, or not as one.
    Unreachable(String),
    /// What came from it is not believed.
    Refused(String),
}

impl fmt::Display for OidcFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(f, "the provider cannot be reached: {why}"),
            Self::Refused(why) => write!(f, "not believed: {why}"),
        }
    }
}

/// The provider that the settings name.
#[derive(Clone)]
pub struct Oidc {
    http: reqwest::Client,
    issuer: IssuerUrl,
    client_id: ClientId,
    client_secret: Option<ClientSecret>,
    redirect: RedirectUrl,
    scopes: Vec<Scope>,
    groups_claim: Arc<str>,
    known: Arc<ArcSwapOption<Known>>,
}

impl Oidc {
    /// The provider of these settings, for people who come back to pages below `base`; `None` where they name none. Calls
    /// nobody yet.
    ///
    /// # Errors
    /// When no client can be made, or an address is none.
    pub fn of(settings: &config::Oidc, base: &str) -> Result<Option<Self>> {
        if settings.issuer.is_empty() {
            return Ok(None);
        }
        let http = call::builder().timeout(PATIENCE).build();
        let secret = settings.client_secret.expose();
        let base = base.trim_end_matches('/');
        Ok(Some(Self {
            http: http.context("making a web client")?,
            issuer: IssuerUrl::new(settings.issuer.clone()).context("[auth.oidc] issuer")?,
            client_id: ClientId::new(settings.client_id.clone()),
            client_secret: (!secret.is_empty()).then(|| ClientSecret::new(secret.to_owned())),
            redirect: RedirectUrl::new(format!("{base}{CALLBACK}")).context("public_url")?,
            scopes: settings.scopes.iter().cloned().map(Scope::new).collect(),
            groups_claim: settings.groups_claim.as_str().into(),
            known: Arc::default(),
        }))
    }

    /// The provider's name for itself.
    pub fn issuer(&self) -> &str {
        self.issuer.as_str()
    }

    /// Sends somebody to the provider: with what, and to which address. With `again` the provider asks who it is even if
    /// it knows.
    ///
    /// # Errors
    /// `Unreachable`.
    pub async fn depart(
        &self,
        again: bool,
        now: Instant,
    ) -> Result<(Departure, String), OidcFailure> {
        let known = self.known(now).await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut request = known
            .client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                || CsrfToken::new_random_len(32),
                || Nonce::new_random_len(32),
            )
            .add_scopes(self.scopes.iter().cloned())
            .set_pkce_challenge(challenge);
        if again {
            request = request.add_prompt(CoreAuthPrompt::Login);
        }
        let (url, state, nonce) = request.url();
        let departure = Departure {
            state: state.into_secret(),
            nonce: nonce.secret().clone(),
            verifier: verifier.into_secret(),
        };
        Ok((departure, url.into()))
    }

    /// Trades what somebody brought back for who they are.
    ///
    /// # Errors
    /// `Unreachable`, or `Refused` when something does not fit.
    pub async fn identify(
        &self,
        back: Return,
        departure: Departure,
        now: Instant,
    ) -> Result<Identity, OidcFailure> {
        let known = self.known(now).await?;
        let whence = back.issuer.as_deref();
        if whence.map_or(known.says_who, |issuer| issuer != self.issuer.as_str()) {
            return Err(OidcFailure::Refused("by another provider".to_owned()));
        }
        let tokens = self
            .exchange(&known.client, back.code, departure.verifier)
            .await?;
        let nonce = Nonce::new(departure.nonce);
        let claims = match claims(&known.client, &tokens, &nonce, now) {
            Err(ClaimsVerificationError::SignatureVerification(_)) => {
                let known = self.discover(now).await?;
                claims(&known.client, &tokens, &nonce, now)
            }
            checked => checked,
        };
        let claims = claims.map_err(|error| OidcFailure::Refused(told(&error)))?;
        let asked = self.ask(&known.client, &tokens, &claims).await?;
        Ok(self.identity(&claims, asked.as_ref()))
    }

    async fn exchange(
        &self,
        client: &Client,
        code: String,
        verifier: String,
    ) -> Result<Tokens, OidcFailure> {
        let http = |request| send(self.http.clone(), request);
        let request = client.exchange_code(AuthorizationCode::new(code));
        let request = request.map_err(|error| OidcFailure::Unreachable(told(&error)))?;
        let request = request.set_pkce_verifier(PkceCodeVerifier::new(verifier));
        request
            .request_async(&http)
            .await
            .map_err(|error| match error {
                RequestTokenError::Request(error) => OidcFailure::Unreachable(told(&error)),
                // The body may hold tokens.
                RequestTokenError::Parse(error, _) => OidcFailure::Refused(told(&error)),
                other => OidcFailure::Refused(told(&other)),
            })
    }

    /// What the provider says of the person where the ID token does not say all that is wanted.
    async fn ask(
        &self,
        client: &Client,
        tokens: &Tokens,
        claims: &Claims,
    ) -> Result<Option<UserInfo>, OidcFailure> {
        let said = &claims.additional_claims().claims;
        let wants_groups = !self.groups_claim.is_empty() && self.groups(said).is_none();
        if claims.email().is_some() && !wants_groups {
            return Ok(None);
        }
        let subject = Some(claims.subject().clone());
        // A provider that has no such place has said all it will.
        let Ok(request) = client.user_info(tokens.access_token().clone(), subject) else {
            return Ok(None);
        };
        let http = |request| send(self.http.clone(), request);
        let said = request.request_async(&http).await;
        said.map(Some).map_err(|error| match error {
            UserInfoError::Request(error) => OidcFailure::Unreachable(told(&error)),
            UserInfoError::Response(status, ..) => {
                OidcFailure::Refused(format!("user info is answered {status}"))
            }
            other => OidcFailure::Refused(told(&other)),
        })
    }

    fn identity(&self, claims: &Claims, asked: Option<&UserInfo>) -> Identity {
        // An address and its proof come from one place.
        let email = match claims.email() {
            Some(email) => proved(email, claims.email_verified()),
            None => asked.and_then(|asked| proved(asked.email()?, asked.email_verified())),
        };
        let name = claims.name().or_else(|| asked?.name());
        let name =
            name.and_then(|names| names.get(None).or_else(|| names.iter().next().map(|n| n.1)));
        let name = name.and_then(|name| text::checked("/name", name, 1, 100, false).ok());
        let groups = self.groups(&claims.additional_claims().claims);
        let groups = groups.or_else(|| self.groups(&asked?.additional_claims().claims));
        Identity {
            issuer: self.issuer.as_str().to_owned(),
            subject: claims.subject().to_string(),
            email,
            name,
            groups: groups.unwrap_or_default(),
        }
    }

    /// The groups in these claims: at the name that the settings give, or at the place if it begins with `/`.
    fn groups(&self, claims: &HashMap<String, Value>) -> Option<Vec<String>> {
        let found = match self.groups_claim.strip_prefix('/') {
            Some(path) => {
                let (first, rest) = path.split_once('/').unwrap_or((path, ""));
                let first = claims.get(&first.replace("~1", "/").replace("~0", "~"))?;
                match rest {
                    "" => first,
                    rest => first.pointer(&format!("/{rest}"))?,
                }
            }
            None => claims.get(&*self.groups_claim)?,
        };
        match found {
            Value::String(group) => Some(vec![group.clone()]),
            Value::Array(groups) => {
                let texts = groups.iter().filter_map(Value::as_str).map(str::to_owned);
                Some(texts.take(MOST_GROUPS).collect())
            }
            _ => None,
        }
    }

    /// What the provider says about itself, not older than a minute.
    async fn known(&self, now: Instant) -> Result<Arc<Known>, OidcFailure> {
        let known = self.known.load_full();
        let known = known.filter(|known| (known.read_at..known.read_at + BELIEVED).contains(&now));
        match known {
            Some(known) => Ok(known),
            None => self.discover(now).await,
        }
    }

    async fn discover(&self, now: Instant) -> Result<Arc<Known>, OidcFailure> {
        let http = |request| send(self.http.clone(), request);
        let found = Metadata::discover_async(self.issuer.clone(), &http).await;
        let found = found.map_err(|error| OidcFailure::Unreachable(told(&error)))?;
        let known = self.understood(found, now);
        let known = known.map_err(|error| OidcFailure::Unreachable(error.to_string()))?;
        let known = Arc::new(known);
        self.known.store(Some(known.clone()));
        Ok(known)
    }

    fn understood(&self, found: Metadata, now: Instant) -> Result<Known> {
        let token = found
            .token_endpoint()
            .context("there is no token endpoint")?;
        let is_secure = self.issuer.url().scheme() == "https";
        let urls = [found.authorization_endpoint().url(), token.url()];
        let further = found.userinfo_endpoint().map(|url| url.url());
        for url in urls.into_iter().chain(further) {
            let scheme = url.scheme();
            ensure!(
                scheme == "https" || !is_secure && scheme == "http",
                "{scheme} in {url}"
            );
        }
        let edition = found.additional_metadata();
        let says_who = edition.authorization_response_iss_parameter_supported;
        let ways = found.token_endpoint_auth_methods_supported();
        let by_body = ways.is_some_and(|ways| {
            ways.contains(&CoreClientAuthMethod::ClientSecretPost)
                && !ways.contains(&CoreClientAuthMethod::ClientSecretBasic)
        });
        let (id, secret) = (self.client_id.clone(), self.client_secret.clone());
        let mut client = Client::from_provider_metadata(found, id, secret)
            .set_redirect_uri(self.redirect.clone());
        if by_body {
            client = client.set_auth_type(AuthType::RequestBody);
        }
        Ok(Known {
            client,
            says_who,
            read_at: now,
        })
    }
}

/// Checks the ID token, and that the access token beside it is the one that it is about.
fn claims(
    client: &Client,
    tokens: &Tokens,
    nonce: &Nonce,
    now: Instant,
) -> Result<Claims, ClaimsVerificationError> {
    let missing = || ClaimsVerificationError::Other("there is no ID token".to_owned());
    let token = tokens.id_token().ok_or_else(missing)?;
    let verifier = client
        .id_token_verifier()
        .set_allowed_algs(SIGNATURES)
        .set_time_fn(move || now)
        .set_issue_time_verifier_fn(move |at| match at > now + AHEAD {
            true => Err("it is not issued yet".to_owned()),
            false => Ok(()),
        });
    let claims = token.claims(&verifier, nonce)?;
    if let Some(expected) = claims.access_token_hash() {
        let signature = ClaimsVerificationError::SignatureVerification;
        let found = AccessTokenHash::from_token(
            tokens.access_token(),
            token.signing_alg().map_err(signature)?,
            token.signing_key(&verifier).map_err(signature)?,
        );
        if found.ok().as_ref() != Some(expected) {
            let other = "the access token is another one's".to_owned();
            return Err(ClaimsVerificationError::Other(other));
        }
    }
    Ok(claims.clone())
}

/// An address that the provider has proved, as accounts have it.
fn proved(email: &EndUserEmail, verified: Option<bool>) -> Option<String> {
    let email = account::email("/email", email).ok()?;
    (verified == Some(true)).then_some(email)
}
