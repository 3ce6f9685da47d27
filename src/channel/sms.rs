//! What text messages have in common: how numbers are written, what is counted.

use belfry_domain::sms::measure;

/// A number in international form without its plus, as the gateways of Vietnam write it.
pub fn digits(address: &str) -> String {
    address.chars().filter(char::is_ascii_digit).collect()
}

/// Counts what was sent, in the parts that are paid for.
pub fn count(provider: &'static str, text: &str) {
    let (encoding, parts) = measure(text);
    let labels = [("provider", provider), ("encoding", encoding.as_str())];
    metrics::counter!("belfry_sms_parts_total", &labels).increment(parts as u64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lose_their_plus() {
        assert_eq!(digits("+84 901 234 567"), "84901234567");
    }
}
