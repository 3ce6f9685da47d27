//! Files as they go over the wire: packed once, as small as that is worth, and not anew for each request.

use std::io::Write;
use std::sync::LazyLock;

use actix_web::HttpRequest;
use actix_web::http::header::{AcceptEncoding, ContentEncoding, Encoding, Header};
use actix_web::web::Bytes;
use brotli::CompressorWriter;
use dashmap::DashMap;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::asset::Asset;

/// Below this a head that says how it is packed costs what packing saves.
const LEAST_BYTES: usize = 256;
/// Brotli's own scale; above it each step takes several times as long for the last percent.
const QUALITY: u32 = 9;
const WINDOW: u32 = 22;

/// What was packed, by the file's digest and how.
static PACKED: LazyLock<DashMap<([u8; 32], &'static str), Bytes>> = LazyLock::new(DashMap::new);

/// A file in the form that a client understands best.
pub struct Packed {
    /// Empty: as it is.
    pub coding: &'static str,
    pub bytes: Bytes,
}

/// Packs `asset` for whoever asks.
pub fn packed(request: &HttpRequest, asset: &Asset) -> Packed {
    let coding = coding(request);
    if coding.is_empty() || asset.data.len() < LEAST_BYTES {
        let bytes = Bytes::from(asset.data.clone().into_owned());
        return Packed { coding: "", bytes };
    }
    let key = (asset.digest, coding);
    let bytes = match PACKED.get(&key) {
        Some(bytes) => bytes.clone(),
        None => {
            let bytes = pack(coding, &asset.data);
            PACKED.insert(key, bytes.clone());
            bytes
        }
    };
    Packed { coding, bytes }
}

/// The best coding that the client takes.
fn coding(request: &HttpRequest) -> &'static str {
    let known = [Encoding::brotli(), Encoding::gzip(), Encoding::identity()];
    let accepted = AcceptEncoding::parse(request).ok();
    match accepted.and_then(|accepted| accepted.negotiate(known.iter())) {
        Some(Encoding::Known(ContentEncoding::Brotli)) => "br",
        Some(Encoding::Known(ContentEncoding::Gzip)) => "gzip",
        _ => "",
    }
}

fn pack(coding: &str, data: &[u8]) -> Bytes {
    let mut packed = Vec::with_capacity(data.len() / 3);
    // Writing into memory does not fail.
    if coding == "br" {
        let mut writer = CompressorWriter::new(&mut packed, 4096, QUALITY, WINDOW);
        let _ = writer.write_all(data);
        drop(writer);
    } else {
        let mut writer = GzEncoder::new(&mut packed, Compression::best());
        let _ = writer.write_all(data).and_then(|()| writer.try_finish());
        drop(writer);
    }
    Bytes::from(packed)
}
