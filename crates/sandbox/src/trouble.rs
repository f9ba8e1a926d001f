//! Answers that nobody would wish for.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;

/// A slow answer is whole after this long.
const SLOWEST: Duration = Duration::from_mins(1);
/// And no slower than this, from byte to byte.
const DRIP: Duration = Duration::from_millis(250);
/// Far above what a merchant should read.
pub(crate) const HUGE_BYTES: usize = 12 * 1024 * 1024;

/// A page of somebody between us and the merchant.
pub(crate) fn server_error() -> Response {
    let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    let page = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>";
    (StatusCode::BAD_GATEWAY, headers, page).into_response()
}

/// Byte by byte; ends when the caller hangs up, since nobody asks for the next byte then.
pub(crate) fn drip(body: String) -> Body {
    let bytes = Bytes::from(body);
    let wait = pace(bytes.len());
    Body::from_stream(stream::unfold(bytes, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(wait).await;
        let byte = rest.split_to(1);
        Some((Ok::<_, std::convert::Infallible>(byte), rest))
    }))
}

/// How long from byte to byte.
fn pace(length: usize) -> Duration {
    let count = u32::try_from(length).unwrap_or(u32::MAX).max(1);
    (SLOWEST / count).min(DRIP)
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;

    use super::*;

    #[tokio::test]
    async fn a_slow_answer_comes_byte_by_byte() {
        let mut bytes = drip("abc".to_owned()).into_data_stream();
        let mut read = Vec::new();
        while let Some(byte) = bytes.next().await {
            let byte = byte.expect("a byte");
            assert_eq!(byte.len(), 1);
            read.extend_from_slice(&byte);
        }
        assert_eq!(read, b"abc");
    }

    #[test]
    fn and_is_whole_within_a_minute() {
        assert_eq!(pace(3), DRIP);
        for length in [0_u32, 1, 900, 100_000] {
            let whole = pace(usize::try_from(length).expect("small")) * length;
            assert!(whole <= SLOWEST, "{length}: {whole:?}");
        }
        assert!(pace(900) * 900 > Duration::from_secs(50));
    }
}
