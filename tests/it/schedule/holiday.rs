//! Public holidays that an expert takes off by choice (C2.1).

use serde_json::{Value, json};

use crate::engine::{Fresh, on_both_engines};
use crate::town::Town;

on_both_engines!(
    public_holidays_are_taken_off_by_choice_and_worked_by_choice,
    only_regions_that_are_known_can_be_chosen,
);

async fn public_holidays_are_taken_off_by_choice_and_worked_by_choice(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    let base = format!("/experts/{}", expert.id);
    let path = format!("{base}/holidays");
    // Good Friday and Easter Monday; in between and around them are a weekend and workdays.
    let free = async |date: &str| !client.slots(&expert, date, 1).await.is_empty();
    let none = expert.get(&path).await.expect(200);
    assert_eq!(
        (&none.body["region"], &none.body["days"]),
        (&Value::Null, &json!([]))
    );
    assert!(none.body["regions"].as_array().unwrap().len() > 80);
    assert!(free("2027-03-26").await && free("2027-03-29").await);
    let chosen = expert
        .put(&path, json!({ "region": "GB-ENG" }))
        .await
        .expect(200);
    let days = chosen.body["days"].as_array().unwrap().clone();
    assert_eq!(days[0]["date"], "2027-03-26");
    assert_eq!(
        (&days[0]["name"], &days[0]["worked"]),
        (&json!("Good Friday"), &json!(false))
    );
    assert!(!free("2027-03-26").await && !free("2027-03-29").await);
    assert!(free("2027-03-25").await && free("2027-03-30").await);
    let explained = expert
        .get(&format!("{base}/slots/explain?date=2027-03-26"))
        .await
        .expect(200);
    let slots = explained.body["slots"].as_array().unwrap().iter();
    let holiday = slots.filter(|slot| slot["missing"] == "holiday").count();
    assert_eq!(holiday, 15, "what would be open on a Friday");
    let refused = client.book(&expert, "2027-03-26T10:00:00Z").await;
    assert!(
        refused
            .problem(422, "slot-not-offered")
            .text
            .contains("holiday")
    );
    // Hours of its own win.
    let hours = json!({ "intervals": [{ "from": "10:00", "until": "12:00" }] });
    expert
        .put(&format!("{base}/overrides/2027-03-26"), hours)
        .await
        .expect(200);
    assert_eq!(
        client.slots(&expert, "2027-03-26", 1).await[0],
        "2027-03-26T10:00:00Z"
    );
    let worked = expert.get(&path).await.expect(200);
    assert_eq!(worked.body["days"][0]["worked"], true);
    client
        .book(&expert, "2027-03-26T10:00:00Z")
        .await
        .expect(201);
    // Scotland works on Monday; and who takes none is open again.
    expert
        .put(&path, json!({ "region": "GB-SCT" }))
        .await
        .expect(200);
    assert!(free("2027-03-29").await);
    expert
        .put(&path, json!({ "region": "VN" }))
        .await
        .expect(200);
    let local = expert.get(&path).await.expect(200);
    let names = local.body["days"].as_array().unwrap().iter();
    let names: Vec<_> = names.map(|day| day["local_name"].clone()).collect();
    assert!(names.contains(&json!("Quốc khánh")), "{names:?}");
    expert
        .put(&path, json!({ "region": null }))
        .await
        .expect(200);
    assert!(free("2027-03-29").await);
    town.close().await;
}

async fn only_regions_that_are_known_can_be_chosen(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    let path = format!("/experts/{}/holidays", expert.id);
    for body in [
        json!({ "region": "XX" }),
        json!({ "region": "vn" }),
        json!({ "region": "" }),
        json!({}),
        json!({ "region": "VN", "country": "VN" }),
    ] {
        let refused = expert.put(&path, body.clone()).await;
        assert_eq!(refused.status, 422, "{body}: {}", refused.text);
    }
    let body = json!({ "region": "VN" });
    client.put(&path, body).await.problem(403, "forbidden");
    town.close().await;
}
