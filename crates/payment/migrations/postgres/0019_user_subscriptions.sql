-- The design's table: a subscription with what was used and may be used of its first meter, in the period that is open.
-- The numbers are the counter's own; before a period has one, nothing was used, and the limit is the plan's.
CREATE VIEW user_subscriptions AS
    SELECT s.id, s.user_id, s.plan_id, s.status, s.current_period_start, s.current_period_end,
        CAST(COALESCE(c.used, 0) AS BIGINT) AS quota_used,
        CAST(CASE WHEN c.subscription_id IS NULL THEN m.quota_limit ELSE c.quota_limit END AS BIGINT) AS quota_limit,
        s.auto_renew, s.created_at, s.updated_at
    FROM subscriptions s
    LEFT JOIN quota_counters c
        ON c.subscription_id = s.id AND c.meter = s.quota_meter AND c.period_start = s.quota_period_start
    LEFT JOIN plan_meters m ON m.plan_id = s.plan_id AND m.version = s.plan_version AND m.meter = s.quota_meter;
