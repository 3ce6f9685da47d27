//! What staff do with a line: appointments, skipping, calling back, sending on (B3).

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{be, comes_to, does, expert, join, sound, three_in_line, told, visit};
use crate::branch::open_branch;
use crate::engine::{Fresh, on_both_engines};
use crate::town::Town;

on_both_engines!(
    an_appointment_goes_first_once_its_time_has_come,
    staff_skip_and_call_back,
    who_is_sent_on_keeps_the_time_they_have_waited,
);

async fn an_appointment_goes_first_once_its_time_has_come(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({})).await;
    let desk = expert(&town, &branch, false).await;
    let (booker, walker, late) = (
        town.client().await,
        town.client().await,
        town.client().await,
    );
    let booking = booker.book(&desk, "2027-03-01T12:30:00Z").await.expect(201);
    let tomorrow = late.book(&desk, "2027-03-02T12:30:00Z").await.expect(201);
    let walked = join(&walker, &branch).await.expect(201).text("id");
    town.clock.advance(TimeDelta::minutes(1));
    let check_in = format!("/bookings/{}/check-in", booking.text("id"));
    walker
        .post(&check_in, json!({}))
        .await
        .problem(404, "not-found");
    let there = booker.post(&check_in, json!({})).await.expect(201);
    let booked = there.text("id");
    assert_eq!(there.body["booking_id"], booking.body["id"]);
    assert_eq!(there.body["not_before"], "2027-03-01T12:30:00Z");
    assert_eq!(
        there.body["ahead"], 1,
        "before its time it keeps nobody waiting"
    );
    let twice = booker
        .post(&check_in, json!({}))
        .await
        .problem(409, "already-in-queue");
    assert_eq!(twice.body["visit"]["id"], booked);
    let path = format!("/bookings/{}/check-in", tomorrow.text("id"));
    late.post(&path, json!({})).await.problem(409, "not-today");
    town.clock.advance(TimeDelta::minutes(13));
    assert_eq!(visit(&walker, &walked).await["ahead"], 0);
    town.clock.advance(TimeDelta::minutes(16));
    let (booker, walker, desk) = (
        town.again(booker).await,
        town.again(walker).await,
        town.again(desk).await,
    );
    assert_eq!(
        visit(&walker, &walked).await["ahead"],
        1,
        "its time has come"
    );
    be(&desk, "online").await;
    let offered = comes_to(&booker, &booked, "offered").await;
    assert_eq!(
        offered["expert"]["id"], desk.id,
        "with the expert whom they booked"
    );
    does(&booker, &booked, "accept-offer").await.expect(200);
    does(&desk, &booked, "start").await.expect(200);
    sound(&town).await;
    does(&desk, &booked, "finish").await.expect(200);
    // By the code, at the desk; not of another branch.
    let elsewhere = open_branch(&town.again(admin).await, json!({})).await;
    let other = expert(&town, &elsewhere, false).await;
    let third = town.client().await;
    let booking = third.book(&desk, "2027-03-01T14:00:00Z").await.expect(201);
    let code = json!({ "code": booking.text("code") });
    let queue = |branch: &str| format!("/branches/{branch}/queue");
    other
        .post(&queue(&elsewhere), code.clone())
        .await
        .problem(422, "validation");
    third
        .post(&queue(&branch), code.clone())
        .await
        .problem(422, "validation");
    let there = desk.post(&queue(&branch), code).await.expect(201);
    assert_eq!(there.body["client"]["id"], third.id);
    sound(&town).await;
    town.close().await;
}

async fn staff_skip_and_call_back(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({})).await;
    let desk = expert(&town, &branch, false).await;
    let (people, ids) = three_in_line(&town, &branch).await;
    let order = async || {
        let shown = admin
            .get(&format!("/branches/{branch}/queue"))
            .await
            .expect(200)
            .body;
        let numbers = shown["board"].as_array().unwrap().clone();
        let numbers = numbers.iter().map(|item| item["number"].as_i64().unwrap());
        numbers.collect::<Vec<_>>()
    };
    does(&desk, &ids[0], "skip").await.expect(200);
    assert_eq!(order().await, [2, 1, 3]);
    does(&desk, &ids[0], "skip").await.expect(200);
    assert_eq!(order().await, [2, 3, 1]);
    does(&desk, &ids[0], "skip").await.expect(200);
    assert_eq!(order().await, [2, 3, 1], "nobody to fall behind");
    // Called and not there: one place back; called once more: told again.
    does(&desk, &ids[1], "accept").await.expect(200);
    let again = does(&desk, &ids[1], "recall").await.expect(200);
    assert_eq!(
        (&again.body["state"], &again.body["version"]),
        (&json!("called"), &json!(3))
    );
    let skipped = does(&desk, &ids[1], "skip").await.expect(200);
    assert_eq!(
        (&skipped.body["state"], &skipped.body["expert"]),
        (&json!("waiting"), &Value::Null)
    );
    assert_eq!(order().await, [3, 2, 1]);
    does(&desk, &ids[2], "accept").await.expect(200);
    does(&desk, &ids[2], "no-show").await.expect(200);
    told(&people[2], "visit.no_show", &ids[2]).await;
    does(&desk, &ids[2], "skip")
        .await
        .problem(409, "wrong-state");
    assert_eq!(order().await, [2, 1]);
    let back = does(&desk, &ids[2], "recall").await.expect(200);
    assert_eq!(
        (&back.body["state"], &back.body["ahead"]),
        (&json!("waiting"), &json!(0))
    );
    assert_eq!(order().await, [3, 2, 1], "at the front");
    sound(&town).await;
    // The keeper offers in this order.
    be(&desk, "online").await;
    comes_to(&people[2], &ids[2], "offered").await;
    does(&desk, &ids[1], "recall")
        .await
        .problem(409, "wrong-state");
    sound(&town).await;
    town.close().await;
}

async fn who_is_sent_on_keeps_the_time_they_have_waited(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let (here, there) = (
        open_branch(&admin, json!({})).await,
        open_branch(&admin, json!({})).await,
    );
    let staff = expert(&town, &here, false).await;
    let (first, second) = (town.client().await, town.client().await);
    let id = join(&first, &here).await.expect(201);
    town.clock.advance(TimeDelta::minutes(3));
    let other = join(&second, &there).await.expect(201).text("id");
    let path = format!("/visits/{}/transfer", id.text("id"));
    let to = json!({ "branch_id": there });
    staff
        .post(&path, json!({ "branch_id": here }))
        .await
        .problem(422, "validation");
    let sent = staff.post(&path, to.clone()).await.expect(201);
    assert_eq!(sent.body["joined_at"], id.body["joined_at"]);
    assert_eq!(sent.body["transferred_from"], id.body["id"]);
    assert_eq!(
        (&sent.body["number"], &sent.body["ahead"]),
        (&json!(2), &json!(0))
    );
    assert_eq!(visit(&second, &other).await["ahead"], 1);
    let old = visit(&first, &id.text("id")).await;
    assert_eq!(
        (&old["state"], &old["transferred_to"]),
        (&json!("transferred"), &sent.body["id"])
    );
    let entry = told(&first, "visit.transferred", &id.text("id")).await;
    assert_eq!(entry["title"], "You now wait at Here");
    staff
        .post(&path, to.clone())
        .await
        .problem(409, "wrong-state");
    // Who is in that line already is not put there twice, and nothing is lost.
    let back = join(&first, &here).await.expect(201).text("id");
    let path = format!("/visits/{back}/transfer");
    staff.post(&path, to).await.problem(409, "already-in-queue");
    assert_eq!(visit(&first, &back).await["state"], "waiting");
    sound(&town).await;
    town.close().await;
}
