//! Browsers that come back late, twice, from elsewhere, or with what they were not given.

use chrono::TimeDelta;
use serde_json::json;

use super::browser::Browser;
use super::provider::RealProvider;
use super::{proved_admin, town};
use crate::engine::{Fresh, on_both_engines};

on_both_engines!(
    a_browser_brings_back_what_it_took_along_or_nothing,
    a_way_is_come_back_from_once,
    whoever_turns_back_at_the_provider_is_told_so,
    sign_ins_have_the_limit_of_log_ins,
);

async fn a_browser_brings_back_what_it_took_along_or_nothing(fresh: &Fresh) {
    let Some(provider) = RealProvider::start().await else {
        return;
    };
    let town = town(fresh, &provider.issuer, |_| {}).await;
    let admin = proved_admin(&town).await;
    let mut browser = Browser::at(&town);
    let back = browser.until_back(&admin.email).await;
    // Another browser, as if somebody had been sent the address by whoever signed in.
    let mut other = Browser::at(&town);
    other.hand_over(&back).await.problem(410, "oidc-expired");
    other.start().await.expect(200);
    other.hand_over(&back).await.problem(410, "oidc-expired");
    // The way of one state with what another brought.
    let theirs = other.until_back("somebody;else@house.test").await;
    let mut mixed = back.clone();
    mixed["state"] = theirs["state"].clone();
    browser
        .clone()
        .hand_over(&mixed)
        .await
        .problem(410, "oidc-expired");
    // A cookie that the house did not make, or made for another state.
    let mut forged = browser.clone();
    let value = other.house_cookies().values().next().unwrap().clone();
    for cookie in forged.house_cookies().values_mut() {
        cookie.clone_from(&value);
    }
    forged.hand_over(&back).await.problem(410, "oidc-expired");
    for cookie in forged.house_cookies().values_mut() {
        *cookie = "eyJzdGF0ZSI6ICJzIn0".to_owned();
    }
    forged.hand_over(&back).await.problem(410, "oidc-expired");
    // Several tabs are several ways; too many are forgotten.
    let second = browser.until_back(&admin.email).await;
    browser.clone().hand_over(&second).await.expect(200);
    let mut late = browser.clone();
    browser.hand_over(&back).await.expect(200);
    let third = late.until_back(&admin.email).await;
    town.clock.advance(TimeDelta::minutes(10));
    late.hand_over(&third).await.problem(410, "oidc-expired");
    for _ in 0..20 {
        late.start().await.expect(200);
        assert!(late.house_cookies().len() <= 6, "cookies pile up");
    }
    // What is too long or of another kind is told apart from that.
    for body in [
        json!({ "code": "c" }),
        json!({ "state": "", "code": "c" }),
        json!({ "state": "s", "code": "c".repeat(5000) }),
        json!({ "state": "s", "code": "c", "session_state": "x" }),
    ] {
        browser.hand_over(&body).await.problem(422, "validation");
    }
    town.close().await;
}

async fn a_way_is_come_back_from_once(fresh: &Fresh) {
    let Some(provider) = RealProvider::start().await else {
        return;
    };
    let town = town(fresh, &provider.issuer, |_| {}).await;
    let admin = proved_admin(&town).await;
    let mut browser = Browser::at(&town);
    let back = browser.until_back(&admin.email).await;
    let mut same: Vec<Browser> = (0..6).map(|_| browser.clone()).collect();
    let all = same.iter_mut().map(|browser| browser.hand_over(&back));
    let answers = futures::future::join_all(all).await;
    let let_in = answers.iter().filter(|answer| answer.status == 200);
    assert_eq!(let_in.count(), 1);
    for answer in answers.into_iter().filter(|answer| answer.status != 200) {
        answer.problem(410, "oidc-expired");
    }
    // Neither does another code open it again.
    let mut other = back.clone();
    other["code"] = json!("another");
    browser.hand_over(&other).await.problem(410, "oidc-expired");
    // One that the provider does not know is not believed, and spends its way.
    let mut back = browser.until_back(&admin.email).await;
    let code = back["code"].clone();
    back["code"] = json!("made-up");
    browser
        .clone()
        .hand_over(&back)
        .await
        .problem(502, "oidc-refused");
    back["code"] = code;
    browser.hand_over(&back).await.problem(410, "oidc-expired");
    town.close().await;
}

async fn whoever_turns_back_at_the_provider_is_told_so(fresh: &Fresh) {
    let Some(provider) = RealProvider::start().await else {
        return;
    };
    let town = town(fresh, &provider.issuer, |_| {}).await;
    let mut browser = Browser::at(&town);
    let back = browser.until_back("").await;
    assert_eq!(back["error"], "access_denied");
    browser
        .clone()
        .hand_over(&back)
        .await
        .problem(403, "oidc-denied");
    browser.hand_over(&back).await.problem(410, "oidc-expired");
    for (error, status, slug) in [
        (
            json!({ "error": "temporarily_unavailable" }),
            503,
            "oidc-unreachable",
        ),
        (json!({ "error": "login_required" }), 502, "oidc-refused"),
        (
            json!({ "error": "access_denied", "code": "c" }),
            403,
            "oidc-denied",
        ),
        (json!({}), 502, "oidc-refused"),
    ] {
        let begun = browser.start().await.expect(200);
        let url = reqwest::Url::parse(&begun.text("url")).unwrap();
        let mut body = error;
        let (_, state) = url.query_pairs().find(|(name, _)| name == "state").unwrap();
        body["state"] = json!(state);
        browser.hand_over(&body).await.problem(status, slug);
    }
    town.close().await;
}

async fn sign_ins_have_the_limit_of_log_ins(fresh: &Fresh) {
    let Some(provider) = RealProvider::start().await else {
        return;
    };
    let town = town(fresh, &provider.issuer, |settings| {
        settings.limits.enabled = true;
        settings.limits.login = 3;
    })
    .await;
    let mut browser = Browser::at(&town);
    browser.start().await.expect(200);
    let back = json!({ "state": "s", "code": "c" });
    browser.hand_over(&back).await.problem(410, "oidc-expired");
    browser.start().await.expect(200);
    browser.start().await.problem(429, "too-many-requests");
    browser
        .hand_over(&back)
        .await
        .problem(429, "too-many-requests");
    town.close().await;
}
