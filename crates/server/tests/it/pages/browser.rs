//! A browser without script: keeps cookies, reads pages, fills forms.

use std::collections::BTreeMap;

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use url::form_urlencoded;

use crate::harness::{Answer, App, Buyer};

/// One person's browser. It speaks English, and follows no redirect by itself.
pub(crate) struct Browser<'a> {
    http: &'a Client,
    url: &'a str,
    pub(crate) cookies: BTreeMap<String, String>,
    /// From the page that was read last.
    pub(crate) form_word: String,
}

/// What came back.
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl<'a> Browser<'a> {
    /// Of somebody whom nobody knows.
    pub(crate) fn new(app: &'a App) -> Self {
        Self::at(&app.http, &app.url)
    }

    /// The same, in a house at `url`. `http` follows no redirect.
    pub(crate) fn at(http: &'a Client, url: &'a str) -> Self {
        Self {
            http,
            url,
            cookies: BTreeMap::from([("tollgate-lang".to_owned(), "en".to_owned())]),
            form_word: String::new(),
        }
    }

    /// Of somebody who has an account, signed in.
    pub(crate) async fn signed_in(app: &'a App, buyer: &Buyer) -> Self {
        let mut browser = Self::new(app);
        browser.sign_in(buyer).await;
        browser
    }

    /// Of somebody new, who registers by the page and is signed in.
    pub(crate) async fn registered(app: &'a App, name: &str, password: &str) -> Self {
        let mut browser = Self::new(app);
        browser.get("/portal/register").await.expect(StatusCode::OK);
        let email = format!("{name}@example.com");
        let fields = [
            ("email", email.as_str()),
            ("username", name),
            ("password", password),
        ];
        let done = browser.post("/portal/register", &fields).await;
        done.expect(StatusCode::SEE_OTHER);
        browser
    }

    /// By the page.
    pub(crate) async fn sign_in(&mut self, buyer: &Buyer) {
        let me = self.http.get(format!("{}/auth/me", self.url));
        let me = me.bearer_auth(&buyer.key).send().await;
        let me = Answer::read(me.expect("an answer")).await;
        let me = me.expect(StatusCode::OK);
        let name = me["email"].as_str().expect("an address");
        self.sign_in_by(name, &buyer.password).await;
    }

    /// By the page, to the overview.
    pub(crate) async fn sign_in_by(&mut self, name: &str, password: &str) {
        self.get("/portal/login").await.expect(StatusCode::OK);
        let fields = [("name", name), ("password", password)];
        let done = self.post("/portal/login", &fields).await;
        assert_eq!(done.location(), "/portal", "{}", done.body);
    }

    /// A page, or where it leads.
    pub(crate) async fn get(&mut self, path: &str) -> Page {
        let request = self.http.get(format!("{}{path}", self.url));
        self.send(request).await
    }

    /// A page, wherever it leads inside of this house.
    pub(crate) async fn open(&mut self, path: &str) -> Page {
        let mut page = self.get(path).await;
        for _ in 0..5 {
            if !(300..400).contains(&page.status) {
                break;
            }
            let next = page.location().to_owned();
            page = self.get(&next).await;
        }
        page
    }

    /// Sends a form, with the word of the page that was read last.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let word = self.form_word.clone();
        let worded = [("form_word", word.as_str())];
        let fields: Vec<_> = worded.into_iter().chain(fields.iter().copied()).collect();
        self.post_from(path, &fields, self.url).await
    }

    /// Sends these fields and no others, as a page of `origin` would.
    pub(crate) async fn post_from(
        &mut self,
        path: &str,
        fields: &[(&str, &str)],
        origin: &str,
    ) -> Page {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let request = self
            .http
            .post(format!("{}{path}", self.url))
            .header("origin", origin)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        self.send(request).await
    }

    /// A call as a script on a page makes it: with the cookies, and with these headers.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.url))
            .header("cookie", self.jar());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        Answer::read(request.send().await.expect("an answer")).await
    }

    /// A form is refused without its word, with a word of another browser, and from another site (line 24).
    pub(crate) async fn refuses_forgeries(&mut self, path: &str, fields: &[(&str, &str)]) {
        let own = self.url;
        let word = self.form_word.clone();
        let mut stranger = Browser::at(self.http, self.url);
        stranger.get("/portal/login").await.expect(StatusCode::OK);
        assert_ne!(stranger.form_word, word);
        let with = |word| {
            [("form_word", word)]
                .into_iter()
                .chain(fields.iter().copied())
        };
        let forgeries: [(Vec<_>, &str); 4] = [
            (fields.to_vec(), own),
            (with(&stranger.form_word).collect(), own),
            (with(&word).collect(), "https://evil.example"),
            (with(&word).collect(), "null"),
        ];
        for (fields, origin) in forgeries {
            let refused = self.post_from(path, &fields, origin).await;
            assert_eq!(refused.status, 403, "{path} from {origin}");
            // Of who was stopped at the door, and of who was stopped at the page.
            let told = ["Send this form from a page", "Go back and try again"];
            assert!(
                told.iter().any(|text| refused.body.contains(text)),
                "{path}"
            );
            assert!(refused.headers.get("set-cookie").is_none(), "{path}");
        }
        self.form_word = word;
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> Page {
        let jar = self.jar();
        let mut request = request
            .header("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
            .header("accept-language", "en");
        if !jar.is_empty() {
            request = request.header("cookie", jar);
        }
        let answer = request.send().await.expect("an answer");
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        for cookie in headers.get_all("set-cookie") {
            self.keep(cookie.to_str().expect("text"));
        }
        let page = Page {
            status,
            headers,
            body: answer.text().await.expect("text"),
        };
        if let Some(word) = page.field("form_word") {
            self.form_word = word;
        }
        page
    }

    fn jar(&self) -> String {
        let pairs = self.cookies.iter();
        let pairs: Vec<_> = pairs
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("; ")
    }

    fn keep(&mut self, cookie: &str) {
        let (pair, terms) = cookie.split_once(';').expect("terms");
        let (name, value) = pair.split_once('=').expect("a pair");
        if terms.contains("Max-Age=0") {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}

impl Page {
    #[track_caller]
    pub(crate) fn expect(&self, status: StatusCode) -> &Self {
        assert_eq!(self.status, status.as_u16(), "{}", self.body);
        self
    }

    /// Where it leads.
    #[track_caller]
    pub(crate) fn location(&self) -> &str {
        let to = self.headers.get("location");
        let to = to.unwrap_or_else(|| panic!("{}: leads nowhere: {}", self.status, self.body));
        assert_eq!(self.status, 303, "{}", self.body);
        to.to_str().expect("text")
    }

    /// It says all of this.
    #[track_caller]
    pub(crate) fn says(&self, texts: &[&str]) -> &Self {
        for text in texts {
            assert!(self.body.contains(text), "not said: {text}\n{}", self.body);
        }
        self
    }

    /// It says none of this.
    #[track_caller]
    pub(crate) fn hides(&self, texts: &[&str]) -> &Self {
        for text in texts {
            assert!(!self.body.contains(text), "said: {text}\n{}", self.body);
        }
        self
    }

    /// Where it leads inside of the house, by links and by forms.
    pub(crate) fn ways(&self) -> Vec<String> {
        let marks = ["href=\"", "action=\""].into_iter();
        let ways = marks.flat_map(|mark| self.body.split(mark).skip(1));
        let ways = ways.filter_map(|rest| rest.split('"').next());
        let own = ways.filter(|way| way.starts_with('/') && !way.starts_with("//"));
        own.map(unescaped).collect()
    }

    /// What stands in a field of its forms, as the browser would send it.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        let named = format!("name=\"{name}\"");
        let tag = self.body.split('<').find(|tag| tag.contains(&named))?;
        let value = tag.split_once("value=\"")?.1.split_once('"')?.0;
        Some(unescaped(value))
    }

    /// The text of the element with this id.
    #[track_caller]
    pub(crate) fn text_of(&self, id: &str) -> String {
        let named = format!("id=\"{id}\"");
        let from = self.body.find(&named);
        let from = from.unwrap_or_else(|| panic!("no {id}: {}", self.body));
        let rest = self.body[from..].split_once('>').expect("a tag").1;
        unescaped(rest.split_once('<').expect("an end").0)
    }
}

fn unescaped(text: &str) -> String {
    text.replace("&quot;", "\"")
        .replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&lt;", "<")
        .replace("&#60;", "<")
        .replace("&gt;", ">")
        .replace("&#62;", ">")
        .replace("&amp;", "&")
        .replace("&#38;", "&")
}
