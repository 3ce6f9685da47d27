//! The cases of the Autobahn WebSocket test suite against `/ws`, through `live/echo.rs`.
//!
//! Every case must end as the suite wants it, but for what the contract of `/ws` has otherwise:
//!
//! - A message is a text of at most 16 KiB, so larger ones end with 1009 and binary ones with 4400. Cases
//!   that differ in nothing but the size beyond that are left to their smallest.
//! - What breaks RFC 6455 ends with 4400, from the range that §7.4.2 leaves to applications, where the suite
//!   wants 1002 or 1007. No other code will do.
//! - No compression is offered (RFC 7692); one case of each of its groups shows that the offer is declined.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::rc::Rc;

use serde::Deserialize;
use uuid::Uuid;

use super::echo;
use super::house::House;
use crate::engine::Fresh;

/// The cases, and how many of them a run must at least have: a suite that runs nothing finds nothing.
const CASES: [&str; 13] = [
    "1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.1.1", "9.2.1", "9.7.*", "10.*", "12.1.1",
    "13.1.1",
];
const AT_LEAST: usize = 240;

/// What the suite says of a case.
#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase")]
struct Verdict {
    behavior: String,
    behavior_close: String,
    remote_close_code: Option<u16>,
}

/// What the contract makes of a case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Outcome {
    /// As the suite wants it.
    Sound,
    /// As the RFC wants it, if not as soon as the suite would like.
    LessStrict,
    /// Only reported by the suite, which has no opinion.
    Reported,
    /// Refused with 4400 where the suite wants 1002 or 1007.
    Refused,
    /// Refused as binary, with 4400.
    Binary,
    /// Refused as too large, with 1009.
    TooLarge,
    /// Compression is declined.
    Uncompressed,
}

impl Outcome {
    fn of(case: &str) -> Self {
        let group = |prefixes: &[&str]| prefixes.iter().any(|prefix| case.starts_with(prefix));
        let one_of = |cases: &[&str]| cases.contains(&case);
        if one_of(&[
            "1.1.6", "1.1.7", "1.1.8", "1.2.6", "1.2.7", "1.2.8", "9.1.1", "9.2.1", "10.1.1",
        ]) {
            Self::TooLarge
        } else if group(&["1.2."]) {
            Self::Binary
        } else if group(&["12.", "13."]) {
            Self::Uncompressed
        } else if group(&["7.13."]) || one_of(&["7.1.6"]) {
            Self::Reported
        // An answer to what came before the fault may fall away with the connection; a text is judged with
        // its frame, not with each of the pieces that a frame comes in.
        } else if one_of(&["5.15", "6.4.3", "6.4.4"])
            || one_of(&[
                "3.2", "3.3", "3.4", "4.1.3", "4.1.4", "4.1.5", "4.2.3", "4.2.4", "4.2.5",
            ])
        {
            Self::LessStrict
        } else if one_of(&["7.3.2", "7.3.6", "7.5.1"]) || group(&["7.9."]) {
            Self::Refused
        } else {
            Self::Sound
        }
    }

    fn fits(self, verdict: &Verdict) -> bool {
        let (behavior, close) = (&*verdict.behavior, &*verdict.behavior_close);
        let code = verdict.remote_close_code;
        let closed = close == "OK" || close == "WRONG CODE" && code == Some(4400);
        match self {
            Self::Sound => behavior == "OK" && closed,
            Self::LessStrict => matches!(behavior, "OK" | "NON-STRICT") && closed,
            Self::Reported => {
                behavior == "INFORMATIONAL" && matches!(code, Some(1000 | 1009 | 4400))
            }
            Self::Refused => close == "WRONG CODE" && code == Some(4400),
            Self::Binary => code == Some(4400),
            Self::TooLarge => code == Some(1009),
            Self::Uncompressed => behavior == "UNIMPLEMENTED" && close == "OK",
        }
    }
}

#[actix_rt::test]
async fn the_autobahn_suite_finds_a_sound_server_within_its_limits() {
    let runner = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/bin/kosoku");
    if !runner.exists() {
        eprintln!("`scripts/install.sh tools` was not run: not tried with the Autobahn suite");
        return;
    }
    let fresh = Fresh::sqlite().await;
    let house = House::new(&fresh);
    let (node, user) = (Rc::new(house.node()), house.user().await);
    let address = echo::serve(node.clone(), user).await;
    let mut cases: Vec<String> = CASES.iter().map(|case| (*case).to_owned()).collect();
    let mut counts: BTreeMap<Outcome, usize> = BTreeMap::new();
    // The suite gives a server a second. On a machine that is busy with other tests that may pass by itself,
    // so what has gone wrong is tried again, alone; what is wrong goes wrong again.
    for parallelism in [32, 8, 1] {
        let mut faults = String::new();
        let mut again = Vec::new();
        for (case, verdict) in run(&runner, address, &cases, parallelism).await {
            let outcome = Outcome::of(&case);
            if outcome.fits(&verdict) {
                *counts.entry(outcome).or_default() += 1;
            } else {
                writeln!(faults, "{case} is not {outcome:?}: {verdict:?}").unwrap();
                again.push(case);
            }
        }
        println!("{counts:?}\n{faults}");
        cases = again;
        if cases.is_empty() {
            break;
        }
    }
    assert!(cases.is_empty(), "{cases:?}");
    assert!(counts.values().sum::<usize>() >= AT_LEAST);
    node.connected(0).await;
}

/// Lets the suite run these cases; what it says of each.
async fn run(
    runner: &Path,
    address: SocketAddr,
    cases: &[String],
    parallelism: usize,
) -> BTreeMap<String, Verdict> {
    let report = std::env::temp_dir().join(format!("belfry-autobahn-{}", Uuid::now_v7()));
    let mut suite = Command::new(runner);
    suite
        .args(cases.iter().flat_map(|case| ["--include", case]))
        .args(["--parallelism", &parallelism.to_string(), "--outdir"])
        .arg(&report)
        .arg(address.to_string());
    // Its own judgement, the exit status, knows nothing of the contract and is not looked at.
    let output = tokio::task::spawn_blocking(move || suite.output())
        .await
        .unwrap()
        .unwrap();
    let index = std::fs::read(report.join("index.json"))
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    std::fs::remove_dir_all(&report).unwrap();
    let mut agents: BTreeMap<String, BTreeMap<String, Verdict>> =
        serde_json::from_slice(&index).unwrap();
    agents.pop_first().unwrap().1
}
