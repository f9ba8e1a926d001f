-- The books: double entry, per currency and mode. No balance is stored: every balance is a sum.
CREATE TABLE ledger_accounts (
    id UUID NOT NULL CONSTRAINT ledger_accounts_pkey PRIMARY KEY,
    code TEXT NOT NULL,
    currency TEXT NOT NULL,
    livemode BOOLEAN NOT NULL,
    kind TEXT NOT NULL CONSTRAINT ledger_accounts_kind_check CHECK (kind IN ('asset', 'liability', 'income', 'expense')),
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT ledger_accounts_code_currency_livemode_key UNIQUE (code, currency, livemode),
    CONSTRAINT ledger_accounts_id_currency_key UNIQUE (id, currency)
);

-- One business fact, booked once: its cause is its key. Append-only.
CREATE TABLE ledger_postings (
    id UUID NOT NULL CONSTRAINT ledger_postings_pkey PRIMARY KEY,
    cause_kind TEXT NOT NULL CONSTRAINT ledger_postings_cause_kind_check CHECK (cause_kind IN ('payment', 'refund', 'suspense', 'fee', 'correction')),
    cause_id UUID NOT NULL,
    step TEXT NOT NULL,
    memo TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT ledger_postings_cause_kind_cause_id_step_key UNIQUE (cause_kind, cause_id, step)
);
-- Books of a day.
CREATE INDEX ledger_postings_created_at_idx ON ledger_postings (created_at);

-- An amount moves from the credit to the debit account: both sides in one row and, by the two
-- foreign keys, in one currency, so what does not balance cannot be written. Append-only.
CREATE TABLE ledger_entries (
    posting_id UUID NOT NULL,
    line BIGINT NOT NULL,
    debit_account_id UUID NOT NULL,
    credit_account_id UUID NOT NULL,
    currency TEXT NOT NULL,
    amount BIGINT NOT NULL,
    CONSTRAINT ledger_entries_pkey PRIMARY KEY (posting_id, line),
    CONSTRAINT ledger_entries_posting_id_fkey FOREIGN KEY (posting_id) REFERENCES ledger_postings (id) ON DELETE RESTRICT,
    CONSTRAINT ledger_entries_debit_account_id_currency_fkey FOREIGN KEY (debit_account_id, currency) REFERENCES ledger_accounts (id, currency) ON DELETE RESTRICT,
    CONSTRAINT ledger_entries_credit_account_id_currency_fkey FOREIGN KEY (credit_account_id, currency) REFERENCES ledger_accounts (id, currency) ON DELETE RESTRICT,
    CONSTRAINT ledger_entries_amount_check CHECK (amount > 0),
    CONSTRAINT ledger_entries_accounts_check CHECK (debit_account_id <> credit_account_id)
);
-- Balance.
CREATE INDEX ledger_entries_debit_account_id_idx ON ledger_entries (debit_account_id);
CREATE INDEX ledger_entries_credit_account_id_idx ON ledger_entries (credit_account_id);

-- One row per side: debit +, credit -. For reports and checkers.
CREATE VIEW ledger_lines AS
    SELECT posting_id, line, debit_account_id AS account_id, currency, amount FROM ledger_entries
    UNION ALL
    SELECT posting_id, line, credit_account_id, currency, -amount FROM ledger_entries;

CREATE FUNCTION ledger_postings_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ledger_postings is append-only';
END $$;
CREATE TRIGGER ledger_postings_append_only_update BEFORE UPDATE ON ledger_postings
    FOR EACH ROW EXECUTE FUNCTION ledger_postings_append_only();
CREATE TRIGGER ledger_postings_append_only_delete BEFORE DELETE ON ledger_postings
    FOR EACH ROW EXECUTE FUNCTION ledger_postings_append_only();
-- SQLite has no TRUNCATE.
CREATE TRIGGER ledger_postings_append_only_truncate BEFORE TRUNCATE ON ledger_postings
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_postings_append_only();

CREATE FUNCTION ledger_entries_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ledger_entries is append-only';
END $$;
CREATE TRIGGER ledger_entries_append_only_update BEFORE UPDATE ON ledger_entries
    FOR EACH ROW EXECUTE FUNCTION ledger_entries_append_only();
CREATE TRIGGER ledger_entries_append_only_delete BEFORE DELETE ON ledger_entries
    FOR EACH ROW EXECUTE FUNCTION ledger_entries_append_only();
-- SQLite has no TRUNCATE.
CREATE TRIGGER ledger_entries_append_only_truncate BEFORE TRUNCATE ON ledger_entries
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_entries_append_only();
