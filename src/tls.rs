//! The cryptography behind every connection that is encrypted.

/// Makes rustls use ring. Whoever comes second changes nothing.
pub fn install() {
    // An error says that a provider is there already, which is all that is wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
