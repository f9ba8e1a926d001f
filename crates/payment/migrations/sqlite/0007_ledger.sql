-- The books: double entry, per currency and mode. No balance is stored: every balance is a sum.
CREATE TABLE ledger_accounts (
    id BLOB NOT NULL CONSTRAINT ledger_accounts_pkey PRIMARY KEY CONSTRAINT ledger_accounts_id_check CHECK (length(id) = 16),
    code TEXT NOT NULL,
    currency TEXT NOT NULL,
    livemode INTEGER NOT NULL CONSTRAINT ledger_accounts_livemode_check CHECK (livemode IN (0, 1)),
    kind TEXT NOT NULL CONSTRAINT ledger_accounts_kind_check CHECK (kind IN ('asset', 'liability', 'income', 'expense')),
    created_at TEXT NOT NULL CONSTRAINT ledger_accounts_created_at_check CHECK (created_at GLOB '*+00:00'),
    CONSTRAINT ledger_accounts_code_currency_livemode_key UNIQUE (code, currency, livemode),
    CONSTRAINT ledger_accounts_id_currency_key UNIQUE (id, currency)
) STRICT;

-- One business fact, booked once: its cause is its key. Append-only.
CREATE TABLE ledger_postings (
    id BLOB NOT NULL CONSTRAINT ledger_postings_pkey PRIMARY KEY CONSTRAINT ledger_postings_id_check CHECK (length(id) = 16),
    cause_kind TEXT NOT NULL CONSTRAINT ledger_postings_cause_kind_check CHECK (cause_kind IN ('payment', 'refund', 'suspense', 'fee', 'correction')),
    cause_id BLOB NOT NULL CONSTRAINT ledger_postings_cause_id_check CHECK (length(cause_id) = 16),
    step TEXT NOT NULL,
    memo TEXT NOT NULL,
    created_at TEXT NOT NULL CONSTRAINT ledger_postings_created_at_check CHECK (created_at GLOB '*+00:00'),
    CONSTRAINT ledger_postings_cause_kind_cause_id_step_key UNIQUE (cause_kind, cause_id, step)
) STRICT;
-- Books of a day.
CREATE INDEX ledger_postings_created_at_idx ON ledger_postings (created_at);

-- An amount moves from the credit to the debit account: both sides in one row and, by the two
-- foreign keys, in one currency, so what does not balance cannot be written. Append-only.
CREATE TABLE ledger_entries (
    posting_id BLOB NOT NULL CONSTRAINT ledger_entries_posting_id_check CHECK (length(posting_id) = 16),
    line INTEGER NOT NULL,
    debit_account_id BLOB NOT NULL CONSTRAINT ledger_entries_debit_account_id_check CHECK (length(debit_account_id) = 16),
    credit_account_id BLOB NOT NULL CONSTRAINT ledger_entries_credit_account_id_check CHECK (length(credit_account_id) = 16),
    currency TEXT NOT NULL,
    amount INTEGER NOT NULL,
    CONSTRAINT ledger_entries_pkey PRIMARY KEY (posting_id, line),
    CONSTRAINT ledger_entries_posting_id_fkey FOREIGN KEY (posting_id) REFERENCES ledger_postings (id) ON DELETE RESTRICT,
    CONSTRAINT ledger_entries_debit_account_id_currency_fkey FOREIGN KEY (debit_account_id, currency) REFERENCES ledger_accounts (id, currency) ON DELETE RESTRICT,
    CONSTRAINT ledger_entries_credit_account_id_currency_fkey FOREIGN KEY (credit_account_id, currency) REFERENCES ledger_accounts (id, currency) ON DELETE RESTRICT,
    CONSTRAINT ledger_entries_amount_check CHECK (amount > 0),
    CONSTRAINT ledger_entries_accounts_check CHECK (debit_account_id <> credit_account_id)
) STRICT;
-- Balance.
CREATE INDEX ledger_entries_debit_account_id_idx ON ledger_entries (debit_account_id);
CREATE INDEX ledger_entries_credit_account_id_idx ON ledger_entries (credit_account_id);

-- One row per side: debit +, credit -. For reports and checkers.
CREATE VIEW ledger_lines AS
    SELECT posting_id, line, debit_account_id AS account_id, currency, amount FROM ledger_entries
    UNION ALL
    SELECT posting_id, line, credit_account_id, currency, -amount FROM ledger_entries;

CREATE TRIGGER ledger_postings_append_only_update BEFORE UPDATE ON ledger_postings
BEGIN
    SELECT RAISE(ABORT, 'ledger_postings is append-only');
END;
CREATE TRIGGER ledger_postings_append_only_delete BEFORE DELETE ON ledger_postings
BEGIN
    SELECT RAISE(ABORT, 'ledger_postings is append-only');
END;

CREATE TRIGGER ledger_entries_append_only_update BEFORE UPDATE ON ledger_entries
BEGIN
    SELECT RAISE(ABORT, 'ledger_entries is append-only');
END;
CREATE TRIGGER ledger_entries_append_only_delete BEFORE DELETE ON ledger_entries
BEGIN
    SELECT RAISE(ABORT, 'ledger_entries is append-only');
END;
