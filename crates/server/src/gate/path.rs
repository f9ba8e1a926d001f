//! One spelling for each path. The rule that is found for a path must be the rule of what the application serves for it:
//! `/a/../process`, `/%70rocess` and `//process` are other spellings that it may take for `/process`. Those that mean
//! the same by RFC 3986 §6.2.2 are written alike, and passed on so; those that applications read in different ways are
//! refused.

/// A path that applications read in different ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a path with //, an encoded slash or backslash, a control character or a broken escape")]
pub(super) struct Ambiguous;

/// The one spelling: escapes of unreserved characters undone, the others in capitals, dot segments resolved.
pub(super) fn canonical(path: &str) -> Result<String, Ambiguous> {
    let mut spelt = String::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, behind @ ..] = rest {
        rest = behind;
        match *first {
            b'%' => {
                let [high, low, behind @ ..] = rest else {
                    return Err(Ambiguous);
                };
                rest = behind;
                match digit(*high)? * 16 + digit(*low)? {
                    byte if is_unreserved(byte) => spelt.push(char::from(byte)),
                    b'/' | b'\\' | 0..0x20 | 0x7F => return Err(Ambiguous),
                    byte => {
                        spelt.push('%');
                        spelt.push(hex(byte >> 4));
                        spelt.push(hex(byte & 0xF));
                    }
                }
            }
            b'\\' | 0..0x20 | 0x7F.. => return Err(Ambiguous),
            byte => spelt.push(char::from(byte)),
        }
    }
    let Some(segments) = spelt.strip_prefix('/') else {
        return Err(Ambiguous);
    };
    let last = segments.split('/').next_back().unwrap_or_default();
    let is_folder = matches!(last, "" | "." | "..");
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = segments.split('/').peekable();
    while let Some(segment) = segments.next() {
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            "" if segments.peek().is_some() => return Err(Ambiguous),
            "" => {}
            segment => kept.push(segment),
        }
    }
    let mut path = format!("/{}", kept.join("/"));
    if is_folder && path != "/" {
        path.push('/');
    }
    Ok(path)
}

/// RFC 3986 §2.3
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn digit(byte: u8) -> Result<u8, Ambiguous> {
    match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        b'A'..=b'F' => Ok(byte - b'A' + 10),
        _ => Err(Ambiguous),
    }
}

fn hex(digit: u8) -> char {
    char::from(b"0123456789ABCDEF"[usize::from(digit & 0xF)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_for_what_is_the_same() {
        for (sent, spelt) in [
            ("/", "/"),
            ("/process/a/b", "/process/a/b"),
            ("/process/", "/process/"),
            ("/%70rocess/%2D%7e", "/process/-~"),
            ("/a/./b/../process", "/a/process"),
            ("/%2e%2e/process", "/process"),
            ("/a/%2E%2e/process/.", "/process/"),
            ("/../..", "/"),
            ("/./", "/"),
            ("/p%c3%a9%20x", "/p%C3%A9%20x"),
            ("/a;b=1/@:!$&'()*+,=", "/a;b=1/@:!$&'()*+,="),
            ("/a%253b", "/a%253b"),
        ] {
            assert_eq!(canonical(sent).as_deref(), Ok(spelt), "{sent}");
            assert_eq!(canonical(spelt).as_deref(), Ok(spelt), "again");
        }
    }

    #[test]
    fn what_is_read_in_different_ways_is_refused() {
        for sent in [
            "",
            "*",
            "process",
            "//process",
            "/a//b",
            "/process//",
            "/a/..//b",
            "/a%2fb",
            "/a%5Cb",
            "/a\\b",
            "/a%00",
            "/a%0d",
            "/a%",
            "/a%2",
            "/a%zz",
            "/a\u{e9}",
        ] {
            assert_eq!(canonical(sent), Err(Ambiguous), "{sent}");
        }
    }
}
