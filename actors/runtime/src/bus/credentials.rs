//! The signature of a connection, and URLs without secrets.

use std::path::Path;

/// Signs the server's nonce with the nkey.
pub(super) fn sign(seed: &Path, nonce: &[u8]) -> Result<async_nats::Auth, String> {
    let failed = |why: String| format!("cannot sign with the nkey seed in {}: {why}", seed.display());
    let text = std::fs::read_to_string(seed).map_err(|e| failed(e.to_string()))?;
    let pair = nkeys::KeyPair::from_seed(text.trim()).map_err(|e| failed(e.to_string()))?;
    let signature = pair.sign(nonce).map_err(|e| failed(e.to_string()))?;
    let mut auth = async_nats::Auth::new();
    auth.nkey = Some(pair.public_key());
    auth.signature = Some(signature);
    Ok(auth)
}

/// A URL without user and password, for messages.
pub fn without_credentials(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            if path.is_empty() { format!("{scheme}://{host}") } else { format!("{scheme}://{host}/{path}") }
        }
        None => url.rsplit_once('@').map_or(url, |(_, host)| host).to_string(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn credentials_are_removed_from_a_url() {
        for (url, expected) in [
            ("nats://u:p@127.0.0.1:4222", "nats://127.0.0.1:4222"),
            ("postgres://t:secret@h:1/db", "postgres://h:1/db"),
            ("nats://h:4222", "nats://h:4222"),
            ("u:p@h", "h"),
        ] {
            assert_eq!(super::without_credentials(url), expected);
        }
    }
}
