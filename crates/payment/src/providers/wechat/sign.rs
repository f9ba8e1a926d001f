//! The texts that are signed, on both sides (payments.md, 3.2, 3.3 and 3.5).

use crate::providers::keys::Signer;

/// What stands before our signature in `Authorization`.
const SCHEMA: &str = "WECHATPAY2-SHA256-RSA2048";

/// Lines, each ended, the last one too.
pub(super) fn lines(parts: &[&str]) -> String {
    let mut text = String::new();
    for part in parts {
        text.push_str(part);
        text.push('\n');
    }
    text
}

/// What WeChat signs: the body to the byte, and an ended line even where there is none.
pub(super) fn answer_text(timestamp: &str, nonce: &str, body: &[u8]) -> Vec<u8> {
    let mut text = lines(&[timestamp, nonce]).into_bytes();
    text.extend_from_slice(body);
    text.push(b'\n');
    text
}

/// Who signs a request.
#[derive(Debug)]
pub(super) struct Merchant {
    /// `mchid`
    pub(super) mch_id: String,
    /// Of the merchant's certificate.
    pub(super) serial: String,
    /// The merchant's key.
    pub(super) signer: Signer,
}

impl Merchant {
    /// The value of `Authorization`. `target`: path and query as they stand on the request line.
    pub(super) fn authorization(
        &self,
        method: &str,
        target: &str,
        timestamp: &str,
        nonce: &str,
        body: &str,
    ) -> String {
        let text = lines(&[method, target, timestamp, nonce, body]);
        let signature = self.signer.sign(text.as_bytes());
        let (mch_id, serial) = (&self.mch_id, &self.serial);
        format!(
            "{SCHEMA} mchid=\"{mch_id}\",nonce_str=\"{nonce}\",signature=\"{signature}\",timestamp=\"{timestamp}\",serial_no=\"{serial}\""
        )
    }
}
