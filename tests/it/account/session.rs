//! Staying signed in, signing out, getting back in by mailed links (C1.1, C1.2).

use belfry::secret::Secret;
use belfry::token::{Purpose, Tokens};
use chrono::TimeDelta;
use serde_json::json;

use super::{faults, refresh};
use crate::engine::{Fresh, on_both_engines};
use crate::town::{PASSWORD, Town};

on_both_engines!(
    a_refresh_token_works_once_and_its_copy_ends_the_family,
    of_two_refreshes_with_one_token_one_wins,
    an_access_token_ends_with_its_minutes_and_a_refresh_token_with_its_days,
    logging_out_ends_one_device,
    logging_out_everywhere_ends_access_at_once,
    a_forgotten_password_tells_nobody_whether_the_account_exists,
    a_reset_link_works_once_and_ends_every_session,
    a_link_is_good_for_one_purpose_and_its_time,
    a_verified_address_stays_verified,
);

const SECRET: &str = "a secret of the tests, long enough to be one";

async fn town_with_secret(fresh: &Fresh) -> (Town, Tokens) {
    let secret = || Secret::new(SECRET.to_owned());
    let town = Town::open_with(fresh, |settings| settings.auth.secret = secret()).await;
    (town, Tokens::new(secret()))
}

async fn a_refresh_token_works_once_and_its_copy_ends_the_family(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let first = town.client().await;
    let other_device = town.again(first.clone()).await;
    let second = refresh(&first, &first.refresh_token).await.expect(200);
    assert_eq!(second.body["user"]["id"], first.id);
    assert_ne!(second.text("refresh_token"), first.refresh_token);
    let third = refresh(&first, &second.text("refresh_token"))
        .await
        .expect(200);

    refresh(&first, &first.refresh_token)
        .await
        .problem(401, "bad-refresh-token");
    refresh(&first, &third.text("refresh_token"))
        .await
        .problem(401, "bad-refresh-token");
    refresh(&first, &other_device.refresh_token)
        .await
        .expect(200);
    refresh(&first, "unknown")
        .await
        .problem(401, "bad-refresh-token");
    town.close().await;
}

async fn of_two_refreshes_with_one_token_one_wins(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let client = town.client().await;
    let (a, b) = tokio::join!(
        refresh(&client, &client.refresh_token),
        refresh(&client, &client.refresh_token)
    );
    let (won, lost) = if a.status == 200 { (a, b) } else { (b, a) };
    won.expect(200);
    lost.problem(401, "bad-refresh-token");
    town.close().await;
}

async fn an_access_token_ends_with_its_minutes_and_a_refresh_token_with_its_days(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let client = town.client().await;
    town.clock.advance(TimeDelta::seconds(15 * 60 - 1));
    client.get("/me").await.expect(200);
    town.clock.advance(TimeDelta::seconds(1));
    client.get("/me").await.problem(401, "unauthenticated");
    town.clock.advance(TimeDelta::days(29));
    let next = refresh(&client, &client.refresh_token).await.expect(200);
    town.clock.advance(TimeDelta::days(30));
    refresh(&client, &next.text("refresh_token"))
        .await
        .problem(401, "bad-refresh-token");
    town.close().await;
}

async fn logging_out_ends_one_device(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let here = town.client().await;
    let there = town.again(here.clone()).await;
    // The refresh token is proof enough; an access token that ran out is no hindrance.
    town.clock.advance(TimeDelta::hours(1));
    let body = json!({ "refresh_token": here.refresh_token });
    here.post("/auth/logout", body.clone()).await.expect(204);
    here.post("/auth/logout", body).await.expect(204);
    refresh(&here, &here.refresh_token)
        .await
        .problem(401, "bad-refresh-token");
    refresh(&there, &there.refresh_token).await.expect(200);
    let found = faults(here.post("/auth/logout", json!({})).await);
    assert_eq!(
        found,
        [("/refresh_token".to_owned(), "required".to_owned())]
    );
    town.close().await;
}

async fn logging_out_everywhere_ends_access_at_once(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let here = town.client().await;
    let there = town.again(here.clone()).await;
    there.get("/me").await.expect(200);
    let everywhere = json!({ "everywhere": true });
    town.stranger()
        .post("/auth/logout", everywhere.clone())
        .await
        .problem(401, "unauthenticated");
    here.post("/auth/logout", everywhere).await.expect(204);
    for device in [&here, &there] {
        device.get("/me").await.problem(401, "unauthenticated");
        refresh(device, &device.refresh_token)
            .await
            .problem(401, "bad-refresh-token");
    }
    town.again(here).await.get("/me").await.expect(200);
    town.close().await;
}

async fn a_forgotten_password_tells_nobody_whether_the_account_exists(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let client = town.client().await;
    for email in [client.email.as_str(), "nobody@belfry.test"] {
        let answer = town
            .stranger()
            .post("/auth/password/forgot", json!({ "email": email }))
            .await;
        assert_eq!(answer.expect(202).text, "");
    }
    town.close().await;
}

async fn a_reset_link_works_once_and_ends_every_session(fresh: &Fresh) {
    let (town, tokens) = town_with_secret(fresh).await;
    let client = town.client().await;
    client.get("/me").await.expect(200);
    let link = tokens.link(
        Purpose::Reset,
        client.id.parse().unwrap(),
        None,
        Some(0),
        town.now(),
    );
    let reset = async |password: &str| {
        let body = json!({ "token": link, "password": password });
        town.stranger().post("/auth/password/reset", body).await
    };
    let found = faults(reset("short").await);
    assert_eq!(found, [("/password".to_owned(), "too_short".to_owned())]);
    reset("a whole new password").await.expect(204);
    reset("yet another password").await.problem(410, "bad-link");
    client.get("/me").await.problem(401, "unauthenticated");
    refresh(&client, &client.refresh_token)
        .await
        .problem(401, "bad-refresh-token");
    let login = async |password: &str| {
        let body = json!({ "email": client.email, "password": password });
        town.stranger().post("/auth/login", body).await
    };
    login(PASSWORD).await.problem(401, "bad-credentials");
    let session = login("a whole new password").await.expect(200);
    // Whoever followed the link reads the mail of that address.
    assert_eq!(session.body["user"]["email_verified"], true);
    town.close().await;
}

async fn a_link_is_good_for_one_purpose_and_its_time(fresh: &Fresh) {
    let (town, tokens) = town_with_secret(fresh).await;
    let client = town.client().await;
    let id = client.id.parse().unwrap();
    let reset = tokens.link(Purpose::Reset, id, None, Some(0), town.now());
    let verify = tokens.link(Purpose::Verify, id, Some(&client.email), None, town.now());
    let send = async |path: &str, token: &str| {
        let mut body = json!({ "token": token });
        if path.ends_with("reset") {
            body["password"] = json!("a whole new password");
        }
        town.stranger().post(path, body).await
    };
    let access = client.token.clone().unwrap();
    for token in [verify.as_str(), &access, "a.b.c", ""] {
        send("/auth/password/reset", token)
            .await
            .problem(410, "bad-link");
    }
    for token in [reset.as_str(), &access, "a.b.c"] {
        send("/auth/email/verify", token)
            .await
            .problem(410, "bad-link");
    }
    let mut impostor = town.stranger();
    impostor.token = Some(reset.clone());
    impostor.get("/me").await.problem(401, "unauthenticated");
    town.clock.advance(TimeDelta::hours(1));
    send("/auth/password/reset", &reset)
        .await
        .problem(410, "bad-link");
    town.clock.advance(TimeDelta::days(7));
    send("/auth/email/verify", &verify)
        .await
        .problem(410, "bad-link");
    town.close().await;
}

async fn a_verified_address_stays_verified(fresh: &Fresh) {
    let (town, tokens) = town_with_secret(fresh).await;
    let client = town.client().await;
    assert_eq!(client.get("/me").await.body["email_verified"], false);
    let id = client.id.parse().unwrap();
    let token = tokens.link(Purpose::Verify, id, Some(&client.email), None, town.now());
    for _ in 0..2 {
        let body = json!({ "token": token });
        town.stranger()
            .post("/auth/email/verify", body)
            .await
            .expect(204);
        assert_eq!(client.get("/me").await.body["email_verified"], true);
    }
    town.close().await;
}
