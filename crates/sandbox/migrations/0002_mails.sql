-- What would have gone out by mail, shown at /sandbox/mail.

CREATE TABLE mails (
    id BLOB NOT NULL PRIMARY KEY CONSTRAINT mails_id_check CHECK (length(id) = 16),
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    body_text TEXT NOT NULL,
    body_html TEXT NOT NULL,
    created_at TEXT NOT NULL CONSTRAINT mails_created_at_check CHECK (created_at GLOB '*+00:00')
) STRICT;

PRAGMA user_version = 2;
