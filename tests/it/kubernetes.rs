//! The manifests agree with each other, with the image, and with what a server really listens to and understands.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use belfry::config::Settings;
use yaml_rust2::{Yaml, YamlLoader};

use crate::engine::{Fresh, on_both_engines};
use crate::town::Town;

on_both_engines!(every_probe_is_answered_by_a_server_with_the_settings_of_the_manifests);

/// What the command line takes from the environment; everything else named `BELFRY_` is a setting.
const COMMAND_LINE: [&str; 3] = ["BELFRY_LISTEN", "BELFRY_DATABASE_URL", "BELFRY_REDIS_URL"];
/// So many times `drain_seconds` may the way down take (`src/cli.rs`).
const LONGEST_DRAINS: i64 = 4;

fn text(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn documents(name: &str) -> Vec<Yaml> {
    YamlLoader::load_from_str(&text(&format!("deploy/kubernetes/{name}"))).unwrap()
}

/// The one document of a file that has this kind.
fn manifest(name: &str, kind: &str) -> Yaml {
    let mut all = documents(name).into_iter();
    let found = all.find(|document| document["kind"].as_str() == Some(kind));
    found.unwrap_or_else(|| panic!("{name} has no {kind}"))
}

fn pairs(map: &Yaml) -> BTreeMap<String, String> {
    let pairs = map.as_hash().unwrap().iter();
    let text = |yaml: &Yaml| yaml.as_str().unwrap().to_owned();
    pairs
        .map(|(name, value)| (text(name), text(value)))
        .collect()
}

/// What a node is told: by the plain manifest and by the template of the hidden one.
fn environment() -> BTreeMap<String, String> {
    let mut told = pairs(&manifest("config.yaml", "ConfigMap")["data"]);
    told.extend(pairs(
        &manifest("secret.template.yaml", "Secret")["stringData"],
    ));
    told
}

fn pod() -> Yaml {
    manifest("deployment.yaml", "Deployment")["spec"]["template"].clone()
}

fn container() -> Yaml {
    pod()["spec"]["containers"][0].clone()
}

fn settings() -> Settings {
    Settings::load(None, environment().into_iter()).unwrap()
}

#[test]
fn every_variable_is_one_that_a_server_reads() {
    let help = Command::new(env!("CARGO_BIN_EXE_belfry"))
        .args(["serve", "--help"])
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for name in COMMAND_LINE {
        assert!(help.contains(&format!("[env: {name}")), "{name}");
        assert!(environment().contains_key(name), "{name}");
    }
    for name in environment()
        .keys()
        .filter(|name| name.starts_with("BELFRY_"))
    {
        assert!(
            name.contains("__") || COMMAND_LINE.contains(&name.as_str()),
            "{name} is read by nobody"
        );
    }
    // A name that is no setting is an error here.
    let settings = settings();
    assert!(settings.http.trust_forwarded_for);
    assert!(settings.http.public_url.starts_with("https://"));
    let ingress = manifest("ingress.yaml", "Ingress");
    let host = ingress["spec"]["rules"][0]["host"].as_str().unwrap();
    assert_eq!(settings.http.public_url, format!("https://{host}"));
    assert_eq!(ingress["spec"]["tls"][0]["hosts"][0].as_str(), Some(host));
}

#[test]
fn everybody_asks_at_the_port_on_which_it_listens() {
    let listen = environment()["BELFRY_LISTEN"].clone();
    let port: i64 = listen.rsplit(':').next().unwrap().parse().unwrap();
    assert!(listen.starts_with("0.0.0.0:"), "{listen}");
    let ports = &container()["ports"][0];
    assert_eq!(ports["containerPort"].as_i64(), Some(port));
    let name = ports["name"].as_str().unwrap();
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        let asked = container()[probe]["httpGet"]["port"].clone();
        assert_eq!(asked.as_str(), Some(name), "{probe}");
    }
    let annotations = pod()["metadata"]["annotations"].clone();
    assert_eq!(
        annotations["prometheus.io/port"].as_str(),
        Some(&*port.to_string())
    );
    for service in documents("service.yaml") {
        let asked = &service["spec"]["ports"][0];
        assert_eq!(asked["targetPort"].as_str(), Some(name));
        // Where there is no address of its own, nothing translates the port.
        if service["spec"]["clusterIP"].as_str() == Some("None") {
            assert_eq!(asked["port"].as_i64(), Some(port));
        }
    }
    let rule = &manifest("ingress.yaml", "Ingress")["spec"]["rules"][0]["http"]["paths"][0];
    let service = manifest("service.yaml", "Service");
    let calling = settings().grpc.address().unwrap().unwrap();
    assert!(calling.ip().is_unspecified(), "{calling}");
    let ports = &container()["ports"][1];
    assert_eq!(ports["containerPort"].as_i64(), Some(calling.port().into()));
    assert_eq!(service["spec"]["ports"][1]["targetPort"], ports["name"]);
    let backend = &rule["backend"]["service"];
    assert_eq!(backend["name"], service["metadata"]["name"]);
    assert_eq!(backend["port"]["name"], service["spec"]["ports"][0]["name"]);
}

#[test]
fn a_node_is_let_finish_before_it_is_killed() {
    let drain = i64::try_from(settings().http.drain_seconds).unwrap();
    let wait = container()["lifecycle"]["preStop"]["exec"]["command"].clone();
    assert_eq!(wait[0].as_str(), Some("sleep"));
    let wait: i64 = wait[1].as_str().unwrap().parse().unwrap();
    let grace = pod()["spec"]["terminationGracePeriodSeconds"].as_i64();
    assert!(grace.unwrap() > wait + LONGEST_DRAINS * drain, "{grace:?}");
    let compose = YamlLoader::load_from_str(&text("compose.yaml")).unwrap();
    let grace = compose[0]["services"]["hub"]["stop_grace_period"].as_str();
    let grace: i64 = grace.unwrap().trim_end_matches('s').parse().unwrap();
    let usual = Settings::load(None, std::iter::empty()).unwrap();
    let drain = i64::try_from(usual.http.drain_seconds).unwrap();
    assert!(grace > LONGEST_DRAINS * drain, "{grace}");
    // The command line and this test mean the same.
    let source = text("src/cli.rs");
    let longest = format!("LONGEST_DRAINS: u32 = {LONGEST_DRAINS};");
    assert!(source.contains(&longest));
    let annotations = manifest("ingress.yaml", "Ingress")["metadata"]["annotations"].clone();
    for name in ["proxy-read-timeout", "proxy-send-timeout"] {
        let name = format!("nginx.ingress.kubernetes.io/{name}");
        let seconds: u64 = annotations[&*name].as_str().unwrap().parse().unwrap();
        assert!(seconds > 2 * settings().live.heartbeat_seconds, "{name}");
    }
}

#[test]
fn everything_is_about_the_same_nodes() {
    let deployment = manifest("deployment.yaml", "Deployment");
    let labels = pairs(&pod()["metadata"]["labels"]);
    let mut selectors = vec![
        deployment["spec"]["selector"]["matchLabels"].clone(),
        manifest("disruption.yaml", "PodDisruptionBudget")["spec"]["selector"]["matchLabels"]
            .clone(),
        pod()["spec"]["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"].clone(),
    ];
    let services = documents("service.yaml").into_iter();
    selectors.extend(services.map(|service| service["spec"]["selector"].clone()));
    for selector in selectors {
        for (name, value) in pairs(&selector) {
            assert_eq!(labels.get(&name), Some(&value), "{name}");
        }
    }
    let replicas = deployment["spec"]["replicas"].as_i64().unwrap();
    assert!(replicas > 1);
    let scaler = manifest("autoscaler.yaml", "HorizontalPodAutoscaler");
    assert_eq!(
        scaler["spec"]["scaleTargetRef"]["name"],
        deployment["metadata"]["name"]
    );
    // One more than there are, while a new version comes, must find connections, too.
    let most = scaler["spec"]["maxReplicas"].as_i64().unwrap();
    let connections = i64::from(settings().database.connections);
    let said = format!("take {} of PostgreSQL's", most * connections);
    assert!(text("deploy/kubernetes/autoscaler.yaml").contains(&said));

    let mut listed = Vec::new();
    let kustomization = documents("kustomization.yaml").remove(0);
    for name in kustomization["resources"].as_vec().unwrap() {
        let name = name.as_str().unwrap();
        assert!(!documents(name).is_empty(), "{name}");
        listed.push(name.to_owned());
    }
    let aside = [
        "kustomization.yaml",
        "secret.template.yaml",
        "autoscaler.yaml",
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/kubernetes");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            aside.contains(&&*name) || listed.contains(&name),
            "{name} is applied by nobody"
        );
    }
}

#[test]
fn every_container_runs_the_image_as_it_is_built_and_knows_its_settings() {
    let dockerfile = text("Dockerfile");
    let user = pod()["spec"]["securityContext"]["runAsUser"].as_i64();
    assert!(dockerfile.contains(&format!("--uid {}", user.unwrap())));
    let image = documents("kustomization.yaml").remove(0)["images"][0]["name"].clone();
    let spec = pod()["spec"].clone();
    let containers = [&spec["initContainers"][0], &spec["containers"][0]];
    for container in containers {
        assert_eq!(container["image"], image);
        let sources = container["envFrom"].as_vec().unwrap();
        assert_eq!(sources[0]["configMapRef"]["name"].as_str(), Some("belfry"));
        assert_eq!(sources[1]["secretRef"]["name"].as_str(), Some("belfry"));
        assert_eq!(
            container["securityContext"]["readOnlyRootFilesystem"].as_bool(),
            Some(true)
        );
        // The image begins with `belfry`, so this is its command.
        let command = container["args"][0].as_str().unwrap();
        let done = Command::new(env!("CARGO_BIN_EXE_belfry"))
            .args([command, "--help"])
            .output()
            .unwrap();
        assert!(done.status.success(), "{command}");
    }
    assert!(dockerfile.contains("ENTRYPOINT [\"belfry\"]"));
}

async fn every_probe_is_answered_by_a_server_with_the_settings_of_the_manifests(fresh: &Fresh) {
    let manifests = settings();
    let town = Town::open_with(fresh, |settings| {
        settings.http = manifests.http.clone();
        settings.database = manifests.database.clone();
    })
    .await;
    let door = town.stranger();
    let container = container();
    let probes = ["startupProbe", "readinessProbe", "livenessProbe"];
    let mut paths: Vec<String> = probes
        .iter()
        .map(|probe| {
            container[*probe]["httpGet"]["path"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let annotations = pod()["metadata"]["annotations"].clone();
    paths.push(
        annotations["prometheus.io/path"]
            .as_str()
            .unwrap()
            .to_owned(),
    );
    for path in paths {
        door.get(&path).await.expect(200);
    }
    town.close().await;
}
