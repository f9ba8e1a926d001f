//! Words for people, in the languages every one of them must exist in.

use std::borrow::Cow;

/// The languages of problems, pages and mails.
///
/// ```
/// use tollgate_kernel::text::Language;
///
/// assert_eq!(Language::accepted("fr, en;q=0.5, zh-CN;q=0.9"), Some(Language::Zh));
/// assert_eq!(Language::accepted("fr"), None);
/// assert_eq!((Language::Zh.tag(), Language::default().tag()), ("zh-CN", "en"));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// 简体中文
    Zh,
    /// English
    #[default]
    En,
}

impl Language {
    /// The first of an `Accept-Language` list (RFC 9110 §12.5.4) that is ours, by weight.
    pub fn accepted(header: &str) -> Option<Self> {
        let mut best: Option<(u16, Self)> = None;
        for range in header.split(',') {
            let (tag, weight) = range.split_once(';').unwrap_or((range, "q=1"));
            let language = match tag.trim().get(..2).map(str::to_ascii_lowercase).as_deref() {
                Some("zh") => Self::Zh,
                Some("en") => Self::En,
                _ => continue,
            };
            let weight = thousandths(weight.trim().trim_start_matches("q="));
            if weight > 0 && best.is_none_or(|(heaviest, _)| weight > heaviest) {
                best = Some((weight, language));
            }
        }
        best.map(|(_, language)| language)
    }

    /// As written in `lang` and `Content-Language`.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Zh => "zh-CN",
            Self::En => "en",
        }
    }
}

/// `0.8` → 800; a weight that cannot be read counts as 0.
fn thousandths(text: &str) -> u16 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    match whole {
        "1" => 1_000,
        "0" => format!("{fraction:0<3}")
            .get(..3)
            .and_then(|digits| digits.parse().ok())
            .unwrap_or(0),
        _ => 0,
    }
}

/// One sentence in both languages.
///
/// ```
/// # use tollgate_kernel::text::{Language, Text};
/// let required = Text::new("必填", "required");
/// assert_eq!(required.get(Language::Zh), "必填");
/// assert_eq!(required.get(Language::En), "required");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    zh: Cow<'static, str>,
    en: Cow<'static, str>,
}

impl Text {
    /// The same thing said twice. Tollgate's own sentences stand in catalogues ([`crate::words`]).
    pub fn new(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self::of(Cow::Owned(zh.into()), Cow::Owned(en.into()))
    }

    pub(crate) fn of(zh: Cow<'static, str>, en: Cow<'static, str>) -> Self {
        Self { zh, en }
    }

    /// The sentence in `language`.
    pub fn get(&self, language: Language) -> &str {
        match language {
            Language::Zh => &self.zh,
            Language::En => &self.en,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heaviest_known_language_wins() {
        for (header, language) in [
            ("zh-CN,zh;q=0.9,en;q=0.8", Some(Language::Zh)),
            ("en-GB", Some(Language::En)),
            ("fr, en;q=0.4, zh;q=0.35", Some(Language::En)),
            ("zh;q=0, en;q=0.1", Some(Language::En)),
            ("de", None),
            ("", None),
            ("*;q=1", None),
            ("zh;q=x", None),
        ] {
            assert_eq!(Language::accepted(header), language, "{header:?}");
        }
    }
}
