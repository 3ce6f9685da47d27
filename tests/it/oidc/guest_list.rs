//! Who is let in as whom: by the provider's own name for them, the first time by an address that both sides have proved.

use serde_json::{Value, json};

use super::browser::Browser;
use super::provider::RealProvider;
use super::{logged, proved_admin, town};
use crate::engine::{Fresh, on_both_engines};
use crate::town::PASSWORD;

on_both_engines!(
    an_address_lets_nobody_into_an_account_that_is_not_theirs,
    whom_the_settings_name_gets_an_account_and_nobody_else,
    two_tabs_of_a_new_administrator_open_one_account,
);

async fn an_address_lets_nobody_into_an_account_that_is_not_theirs(fresh: &Fresh) {
    let Some(provider) = RealProvider::start().await else {
        return;
    };
    let town = town(fresh, &provider.issuer, |_| {}).await;
    let admin = proved_admin(&town).await;
    let unproved = town.admin().await;
    let client = town.client().await;
    let id = client.id.parse().unwrap();
    let proved = town.store.verify_email(id, &client.email, town.now()).await;
    assert!(proved.unwrap());
    let disabled = proved_admin(&town).await;
    let path = format!("/admin/users/{}", disabled.id);
    admin
        .patch(&path, json!({ "disabled": true }))
        .await
        .expect(200);
    let refused = async |who: String, status: u16, slug: &str| {
        let answer = Browser::at(&town).sign_in(&who).await;
        answer.problem(status, slug);
    };
    // The provider has not proved it.
    refused(
        format!("1;{};unverified", admin.email),
        403,
        "oidc-unverified",
    )
    .await;
    // Anybody may have registered with it here, and knows the password.
    refused(format!("1;{}", unproved.email), 409, "oidc-unproved").await;
    refused(format!("1;{}", client.email), 403, "oidc-not-allowed").await;
    refused(format!("1;{}", disabled.email), 403, "account-disabled").await;
    refused("1;nobody@house.test".to_owned(), 403, "oidc-not-allowed").await;
    // Nothing of that linked anybody.
    Browser::at(&town)
        .sign_in(&format!("1;{}", admin.email))
        .await
        .expect(200);
    // The address was given to somebody else at the provider.
    refused(format!("2;{}", admin.email), 409, "oidc-somebody-else").await;
    // Whoever came before is known whatever the address is now, and by no other account's.
    let as_client = format!("1;{}", client.email);
    for who in ["1;elsewhere@house.test", "1;;unverified", &as_client] {
        let session = Browser::at(&town).sign_in(who).await.expect(200);
        assert_eq!(session.body["user"]["id"], json!(admin.id), "{who}");
    }
    // An administrator who is one no more is not let in, nor made one again.
    let other = proved_admin(&town).await;
    let path = format!("/admin/users/{}", admin.id);
    other
        .patch(&path, json!({ "role": "user" }))
        .await
        .expect(200);
    refused(format!("1;{}", admin.email), 403, "oidc-not-allowed").await;
    town.close().await;
}

async fn whom_the_settings_name_gets_an_account_and_nobody_else(fresh: &Fresh) {
    let Some(provider) = RealProvider::start().await else {
        return;
    };
    let town = town(fresh, &provider.issuer, |settings| {
        let oidc = &mut settings.auth.oidc;
        oidc.groups_claim = "groups".to_owned();
        oidc.admin_groups = vec!["ops".to_owned()];
        oidc.admin_emails = vec!["boss@house.test".to_owned()];
    })
    .await;
    let admin = proved_admin(&town).await;
    let client = town.client().await;
    let id = client.id.parse().unwrap();
    let proved = town.store.verify_email(id, &client.email, town.now()).await;
    assert!(proved.unwrap());
    for (who, slug) in [
        ("1;new@house.test;;staff".to_owned(), "oidc-not-allowed"),
        (
            "1;new@house.test;unverified;ops".to_owned(),
            "oidc-unverified",
        ),
        // An administrator here, whom they do not name.
        (format!("1;{};;staff", admin.email), "oidc-not-allowed"),
        // Named, and somebody else than an administrator here: whoever knows the password would become one, too.
        (format!("1;{};;ops", client.email), "oidc-not-allowed"),
    ] {
        let answer = Browser::at(&town).sign_in(&who).await;
        answer.problem(403, slug);
    }
    for who in ["1;new@house.test;;staff,ops", "2;Boss@house.test"] {
        let session = Browser::at(&town).sign_in(who).await.expect(200);
        let user = &session.body["user"];
        assert_eq!(user["role"], "admin");
        assert_eq!(user["email_verified"], json!(true));
        assert_eq!(user["name"], "Somebody at the provider");
        let id = user["id"].as_str().unwrap();
        assert_eq!(logged(&admin, id, "user.opened").await.len(), 1);
        assert_eq!(logged(&admin, id, "user.linked").await.len(), 1);
        // Nobody guesses a password that is none.
        for password in ["", PASSWORD] {
            let body = json!({ "email": user["email"], "password": password });
            let answer = town.stranger().post("/auth/login", body).await;
            answer.problem(401, "bad-credentials");
        }
    }
    // Whoever is named no more is let in no more.
    let answer = Browser::at(&town).sign_in("1;new@house.test;;staff").await;
    answer.problem(403, "oidc-not-allowed");
    town.close().await;
}

async fn two_tabs_of_a_new_administrator_open_one_account(fresh: &Fresh) {
    let Some(provider) = RealProvider::start().await else {
        return;
    };
    let town = town(fresh, &provider.issuer, |settings| {
        settings.auth.oidc.admin_emails = vec!["new@house.test".to_owned()];
    })
    .await;
    let mut tabs = Vec::new();
    for _ in 0..4 {
        let mut browser = Browser::at(&town);
        let back = browser.until_back("1;new@house.test").await;
        tabs.push((browser, back));
    }
    let all = tabs
        .iter_mut()
        .map(|(browser, back)| browser.hand_over(back));
    let mut ids: Vec<Value> = Vec::new();
    for session in futures::future::join_all(all).await {
        ids.push(session.expect(200).body["user"]["id"].clone());
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    town.close().await;
}
