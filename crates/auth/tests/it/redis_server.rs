//! Redis as it is: the one that `scripts/test` started, and ones of a test's own, to be stopped, emptied and
//! brought back.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tempfile::TempDir;

/// Names the Redis that tests share: each uses a database of its own.
const SHARED: &str = "TOLLGATE_TEST_REDIS";

/// The shared one, at this database.
pub(crate) fn shared(database: u8) -> String {
    let server = std::env::var(SHARED).unwrap_or_else(|_| {
        panic!(
            "{SHARED} is not set: run ./scripts/test, which starts a private Redis for the tests"
        )
    });
    format!("{server}/{database}")
}

pub(crate) async fn connect(url: &str) -> MultiplexedConnection {
    let client = redis::Client::open(url).expect("an address");
    let connected = client.get_multiplexed_async_connection().await;
    connected.unwrap_or_else(|error| panic!("no Redis answers at {url}: {error}"))
}

/// What a Redis answers to some words.
pub(crate) async fn ask<T: redis::FromRedisValue>(url: &str, words: &[&str]) -> T {
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]);
    let mut connection = connect(url).await;
    let answer = command.query_async(&mut connection).await;
    answer.unwrap_or_else(|error| panic!("{words:?}: {error}"))
}

/// Waits for something that other tasks bring about, at most ten seconds.
pub(crate) async fn until(what: &str, mut reached: impl AsyncFnMut() -> bool) {
    for _ in 0..500 {
        if reached().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{what} did not come about");
}

/// Channels of instances, with how many listen to each.
pub(crate) async fn channels(url: &str, database: u8) -> Vec<(String, i64)> {
    let pattern = format!("tollgate:*:{database}:ended");
    let names: Vec<String> = ask(url, &["PUBSUB", "CHANNELS", &pattern]).await;
    let mut counted = Vec::new();
    for name in names {
        let (name, count): (String, i64) = ask(url, &["PUBSUB", "NUMSUB", &name]).await;
        counted.push((name, count));
    }
    counted
}

/// A Redis of a test's own, with nothing in it. Ended with the test, by its own process.
pub(crate) struct RedisServer {
    child: Child,
    port: u16,
    options: Vec<String>,
    folder: TempDir,
}

impl RedisServer {
    pub(crate) async fn start(options: &[&str]) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let folder = tempfile::tempdir().expect("a folder");
        let options: Vec<String> = options.iter().map(ToString::to_string).collect();
        let server = Self {
            child: spawn(port, &folder, &options),
            port,
            options,
            folder,
        };
        server.answers().await;
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it can be ended");
        self.child.wait().expect("it ends");
    }

    /// After a kill, with what its dump holds.
    pub(crate) async fn restart(&mut self) {
        self.child = spawn(self.port, &self.folder, &self.options);
        self.answers().await;
    }

    pub(crate) fn dump(&self) -> PathBuf {
        self.folder.path().join("dump.rdb")
    }

    async fn answers(&self) {
        let client = redis::Client::open(self.url()).expect("an address");
        until("a Redis that answers", async || {
            client.get_multiplexed_async_connection().await.is_ok()
        })
        .await;
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(port: u16, folder: &TempDir, options: &[String]) -> Child {
    Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--dir"])
        .arg(folder.path())
        .args([
            "--save",
            "",
            "--appendonly",
            "no",
            "--enable-debug-command",
            "yes",
        ])
        .args(options)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("redis-server is installed: ./scripts/test does it")
}
