//! The word to stop, heard by everything that runs.

use tokio::sync::watch;

/// Ends when the word is given, or nobody can give it any more.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // The guard must not live across the wait of a select: it is dropped here.
    drop(
        stop.wait_for(|stopping| *stopping)
            .await
            .map(|stopping| *stopping),
    );
}
