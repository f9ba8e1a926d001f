//! What once broke somebody's parser, here or elsewhere. New finds of the property tests are kept here.

/// Bodies that say they are JSON.
pub(crate) const BODIES: &[&[u8]] = &[
    b"",
    b"null",
    b"[]",
    b"\"x\"",
    b"{",
    b"{}{}",
    b"{} ",
    b"\xEF\xBB\xBF{}",
    b"{\"\":\"\"}",
    b"{\"email\":\"\\ud800\",\"username\":\"\\ud800\",\"password\":\"\\ud800\"}",
    b"{\"email\":\"a@b.example\",\"username\":\"a\\u0000b\",\"password\":\"a\\u0000b\"}",
    b"{\"email\":\"EMAIL\",\"email\":\"EMAIL\"}",
    b"{\"token\":\"\\u0000\",\"refresh_token\":\"\\u0000\",\"challenge_token\":\"\\u0000\",\"code\":\"\\u0000\"}",
    b"{\"token\":\"ACCESS\",\"refresh_token\":\"ACCESS\",\"challenge_token\":\"ACCESS\",\"code\":\"123456\"}",
    b"{\"expires_at\":\"+275760-09-13T00:00:00Z\",\"name\":\"k\"}",
    b"{\"expires_at\":\"-000001-01-01T00:00:00Z\",\"name\":\"k\"}",
    b"{\"name\":\"\\u202e\\u0000\",\"expires_at\":1e999}",
    b"{\"is_active\":true,\"is_superuser\":false,\"reason\":\"a\\u0000b\"}",
    b"{\"roles\":[\"finance\"],\"reason\":\"a\\u0000b\"}",
    b"{\"roles\":[\"\",\"finance\",\"finance\",null]}",
    b"{\"username\":\"\xFF\"}",
    b"{\"code\":1e999}",
    b"{\"code\":\"\xD9\xA1\xD9\xA2\xD9\xA3\xD9\xA4\xD9\xA5\xD9\xA6\"}",
];

/// Bodies that say they are forms.
pub(crate) const FORMS: &[&[u8]] = &[
    b"",
    b"&",
    b"=",
    b"%",
    b"%0",
    b"%zz=%zz",
    b"token",
    b"token=&token=",
    b"token=%00",
    b"token=%ff%fe",
    b"\xFF=\xFF",
    b"refresh_token=%00&grant_type=refresh_token",
    b"refresh_token=REFRESH&refresh_token=x",
    b"grant_type=password&grant_type=password",
    b"grant_type=password&username=%00&password=%00",
    b"grant_type=password&username=NAME&password=PASSWORD%00",
    b"grant_type=password&username=%ED%A0%80&password=PASSWORD",
    b"token=ACCESS&token_type_hint=%00",
    b"{\"token\":\"x\"}",
];

/// In the place of an id.
pub(crate) const PATHS: &[&str] = &[
    "",
    "x",
    "%00",
    "%ff",
    "%2e%2e",
    "..",
    "%2f",
    "0",
    "-1",
    "0198C0DE-0000-7000-8000-000000000000",
    "{0198c0de-0000-7000-8000-000000000000}",
    "%7B0198c0de-0000-7000-8000-000000000000%7D",
    "urn:uuid:0198c0de-0000-7000-8000-000000000000",
    "0198c0de000070008000000000000000",
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "'%20OR%201=1",
];

/// Behind the question mark.
pub(crate) const QUERIES: &[&str] = &[
    "",
    "&&==",
    "limit=0",
    "limit=101",
    "limit=99999999999999999999",
    "limit=1&limit=2",
    "limit=%00",
    "starting_after=%00&q=%00&subject_kind=%00&subject_id=%00&actor_id=%00",
    "starting_after=ffffffff-ffff-ffff-ffff-ffffffffffff",
    "q=%25%25%25_%5C&is_active=maybe&keys=%ff",
    "q=%ff",
    "q=%00",
    "subject_kind=%00",
    "subject_id=a%00b&subject_kind=user",
];

/// In the place of an API key.
pub(crate) const KEYS: &[&[u8]] = &[
    b"",
    b"sk",
    b"sk_",
    b"sk_test_",
    b"sk_live_",
    b"sk__",
    b"sk_test_\xC3\xA9",
    b"sk_test_\xFF",
    b"sk_test_0000000000000000000000000000000000000000000000000",
    b"sk_test_0000000000000000000000000000000000000000000\xC3\xA9\xC3\xA9\xC3\xA9",
    // As long as a key, with a letter of two bytes where the checksum begins.
    b"sk_test_000000000000000000000000000000000000000000\xC3\xA900000",
    b"SK_TEST_0000000000000000000000000000000000000000000000000",
    b"sk_test_ 000000000000000000000000000000000000000000000000",
    b"sk_test_sk_test_",
    b"st_",
    b"\"sk_test_\"",
];

/// As the `Cookie` header.
pub(crate) const COOKIES: &[&[u8]] = &[
    b"",
    b";",
    b"=",
    b"__Host-tollgate-device",
    b"__Host-tollgate-device=",
    b"__Host-tollgate-device=;",
    b"__Host-tollgate-device==",
    b"__Host-tollgate-device=\"x\"",
    b"__Host-tollgate-device=x y",
    b"__Host-tollgate-device=x; __Host-tollgate-device=y",
    b"__Host-tollgate-device=\xFF",
    b"__Host-tollgate-device=x, Path=/; Domain=evil.example",
    b" __Host-tollgate-device = x",
];
