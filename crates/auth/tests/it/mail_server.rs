//! A mail server on loopback, with enough of RFC 5321 for one client, that answers as it is told.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What becomes of the next letter.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    /// This answer to `MAIL FROM`.
    Sender(&'static str),
    /// This answer to `RCPT TO`.
    Recipient(&'static str),
    /// This answer to the whole letter.
    Whole(&'static str),
    /// The connection ends after the whole letter, without an answer.
    Dropped,
    /// The connection stays, without an answer to `RCPT TO`.
    Silent,
}

/// A letter as it arrived, whatever was answered.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    /// With CR LF, dots unstuffed.
    pub(crate) data: String,
}

#[derive(Clone, Debug)]
pub(crate) struct MailServer {
    pub(crate) addr: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    fates: VecDeque<Fate>,
    arrived: Vec<Arrived>,
    accepted: Vec<Arrived>,
}

impl MailServer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let server = Self {
            addr: listener.local_addr().expect("an address"),
            state: Arc::default(),
        };
        let running = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = running.clone();
                tokio::spawn(async move { server.talk(stream).await });
            }
        });
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("smtp://{}", self.addr)
    }

    /// Letters meet these one after the other; after that all are accepted.
    pub(crate) fn will(&self, fates: &[Fate]) {
        self.state.lock().expect("a state").fates.extend(fates);
    }

    /// Every letter that was sent whole.
    pub(crate) fn arrived(&self) -> Vec<Arrived> {
        self.state.lock().expect("a state").arrived.clone()
    }

    /// Those that were answered with 250.
    pub(crate) fn accepted(&self) -> Vec<Arrived> {
        self.state.lock().expect("a state").accepted.clone()
    }

    /// Ends with the connection.
    async fn talk(&self, stream: TcpStream) -> Option<()> {
        let (reading, mut writing) = stream.into_split();
        let mut reading = BufReader::new(reading);
        let mut say = async |line: &str| {
            writing
                .write_all(format!("{line}\r\n").as_bytes())
                .await
                .ok()
        };
        say("220 test ESMTP").await?;
        let (mut letter, mut fate) = (None, None);
        loop {
            let line = line(&mut reading).await?;
            let verb = line.split([' ', ':']).next().unwrap_or_default();
            match verb.to_ascii_uppercase().as_str() {
                "EHLO" => say("250-test\r\n250-8BITMIME\r\n250 SMTPUTF8").await?,
                "NOOP" | "RSET" => say("250 2.0.0 ok").await?,
                "MAIL" => {
                    fate = self.state.lock().expect("a state").fates.pop_front();
                    letter = Some(Arrived {
                        from: path(&line),
                        to: vec![],
                        data: String::new(),
                    });
                    match fate {
                        Some(Fate::Sender(answer)) => say(answer).await?,
                        _ => say("250 2.1.0 ok").await?,
                    }
                }
                "RCPT" => {
                    letter.as_mut()?.to.push(path(&line));
                    match fate {
                        Some(Fate::Recipient(answer)) => say(answer).await?,
                        Some(Fate::Silent) => std::future::pending().await,
                        _ => say("250 2.1.5 ok").await?,
                    }
                }
                "DATA" => {
                    say("354 go on").await?;
                    let mut whole = letter.take()?;
                    whole.data = data(&mut reading).await?;
                    self.state
                        .lock()
                        .expect("a state")
                        .arrived
                        .push(whole.clone());
                    match fate {
                        Some(Fate::Dropped) => return None,
                        Some(Fate::Whole(answer)) => say(answer).await?,
                        _ => {
                            self.state.lock().expect("a state").accepted.push(whole);
                            say("250 2.0.0 taken").await?;
                        }
                    }
                }
                "QUIT" => return say("221 2.0.0 bye").await,
                _ => say("502 5.5.1 not here").await?,
            }
        }
    }
}

async fn line(reading: &mut (impl tokio::io::AsyncBufRead + Unpin)) -> Option<String> {
    let mut bytes = Vec::new();
    reading
        .read_until(b'\n', &mut bytes)
        .await
        .ok()
        .filter(|count| *count > 0)?;
    let text = String::from_utf8(bytes).expect("UTF-8 on the wire");
    let text = text.strip_suffix("\r\n").expect("lines end in CR LF");
    assert!(!text.contains(['\r', '\n']), "{text:?}");
    Some(text.to_owned())
}

/// RFC 5321 §4.5.2
async fn data(reading: &mut (impl tokio::io::AsyncBufRead + Unpin)) -> Option<String> {
    let mut text = String::new();
    loop {
        let line = line(reading).await?;
        if line == "." {
            return Some(text);
        }
        assert!(line.len() <= 998, "RFC 5322 §2.1.1: {}", line.len());
        text.push_str(line.strip_prefix('.').unwrap_or(&line));
        text.push_str("\r\n");
    }
}

fn path(line: &str) -> String {
    let inner = line
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'));
    inner.map(|(path, _)| path.to_owned()).unwrap_or_default()
}

impl Arrived {
    /// Names and values of the head, unfolded and decoded.
    pub(crate) fn headers(&self) -> Vec<(String, String)> {
        headers(&self.data)
    }

    /// The one header of this name.
    pub(crate) fn header(&self, name: &str) -> String {
        let found: Vec<String> = self
            .headers()
            .into_iter()
            .filter(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .collect();
        assert_eq!(found.len(), 1, "{name} in {}", self.data);
        found.into_iter().next().unwrap_or_default()
    }

    /// Type and text of each part.
    pub(crate) fn parts(&self) -> Vec<(String, String)> {
        let kind = self.header("Content-Type");
        assert!(kind.starts_with("multipart/alternative;"), "{kind}");
        let boundary = kind
            .split("boundary=")
            .nth(1)
            .expect("a boundary")
            .trim_matches('"');
        let body = body(&self.data);
        let inner = body
            .split(&format!("--{boundary}--"))
            .next()
            .unwrap_or_default();
        inner
            .split(&format!("--{boundary}\r\n"))
            .skip(1)
            .map(|part| {
                let value = |name: &str| {
                    let found = headers(part)
                        .into_iter()
                        .find(|(own, _)| own.eq_ignore_ascii_case(name));
                    found.map(|(_, value)| value).unwrap_or_default()
                };
                let text = match value("Content-Transfer-Encoding").as_str() {
                    "base64" => from_base64(&body_of(part)),
                    "quoted-printable" => from_quoted_printable(&body_of(part)),
                    _ => body_of(part),
                };
                (value("Content-Type"), text.replace("\r\n", "\n"))
            })
            .collect()
    }
}

fn body(data: &str) -> &str {
    data.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

fn body_of(part: &str) -> String {
    body(part).trim_end_matches("\r\n").to_owned()
}

fn headers(data: &str) -> Vec<(String, String)> {
    let head = data.split("\r\n\r\n").next().unwrap_or_default();
    let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    let pairs = unfolded.lines().map(|line| {
        let (name, value) = line.split_once(':').expect("a header");
        (name.to_owned(), words(value.trim()))
    });
    pairs.collect()
}

/// RFC 2047 with base64, as lettre writes it.
fn words(value: &str) -> String {
    let mut text = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("=?utf-8?b?") {
        if !before.trim().is_empty() {
            text.push_str(before);
        }
        let (word, after) = after.split_once("?=").expect("the end of a word");
        text.push_str(&from_base64(word));
        rest = after;
    }
    text + rest
}

fn from_base64(text: &str) -> String {
    let text: String = text.split_whitespace().collect();
    let bytes = BASE64_STANDARD.decode(text).expect("base64");
    String::from_utf8(bytes).expect("UTF-8")
}

fn from_quoted_printable(text: &str) -> String {
    let joined = text.replace("=\r\n", "");
    let mut bytes = Vec::new();
    let mut rest = joined.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first == b'=' {
            let (digits, after) = rest.split_at(2);
            let digits = std::str::from_utf8(digits).expect("digits");
            bytes.push(u8::from_str_radix(digits, 16).expect("digits"));
            rest = after;
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).expect("UTF-8")
}
