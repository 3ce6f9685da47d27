//! What is made of `proto/` is in git, so that building the house needs neither protoc nor a generator. Here it is made
//! anew and compared; with `BELFRY_WRITE_PROTO=1` it is written.

use std::fs;
use std::path::{Path, PathBuf};

use prost::Message;
use uuid::Uuid;

/// Where it is kept.
const GENERATED: &str = "proto/generated";

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of the contract.
fn protos() -> Vec<PathBuf> {
    let folder = fs::read_dir(top().join("proto/belfry/v1")).unwrap();
    let mut files: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 3, "{files:?}");
    files
}

/// Makes the messages and the servers, the clients that tests call by, and the description that reflection answers.
fn generate(into: &Path) {
    fs::create_dir_all(into.join("client")).unwrap();
    let described = protox::compile(protos(), [top().join("proto")]).unwrap();
    // Comments are for readers of the source; on the wire nobody asks for them.
    let mut bare = described.clone();
    for file in &mut bare.file {
        file.source_code_info = None;
    }
    fs::write(into.join("belfry.v1.bin"), bare.encode_to_vec()).unwrap();
    let configured = || {
        tonic_prost_build::configure()
            .build_transport(false)
            .emit_rerun_if_changed(false)
    };
    configured()
        .build_client(false)
        .out_dir(into)
        .compile_fds(described.clone())
        .unwrap();
    configured()
        .build_server(false)
        .extern_path(".belfry.v1", "::belfry::grpc::v1")
        .out_dir(into.join("client"))
        .compile_fds(described)
        .unwrap();
}

#[test]
fn what_is_kept_is_what_the_protos_say() {
    let kept = top().join(GENERATED);
    if std::env::var_os("BELFRY_WRITE_PROTO").is_some() {
        generate(&kept);
    }
    let fresh = std::env::temp_dir().join(format!("belfry-proto-{}", Uuid::now_v7().simple()));
    generate(&fresh);
    for name in ["belfry.v1.bin", "belfry.v1.rs", "client/belfry.v1.rs"] {
        let (is, was) = (fs::read(fresh.join(name)), fs::read(kept.join(name)));
        let same = is.unwrap() == was.unwrap_or_default();
        assert!(
            same,
            "{GENERATED}/{name} is not what proto/ makes; run this with BELFRY_WRITE_PROTO=1"
        );
    }
    fs::remove_dir_all(fresh).unwrap();
}
