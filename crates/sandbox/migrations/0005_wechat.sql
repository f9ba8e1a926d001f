-- What a call back is worth: every genuine one, whatever its rail calls it, has one word.
UPDATE callbacks SET kind = 'genuine' WHERE kind <> 'forged';

-- by the merchant's refund number alone
CREATE INDEX trade_refunds_rail_out_refund_no_idx ON trade_refunds (rail, out_refund_no);

PRAGMA user_version = 5;
