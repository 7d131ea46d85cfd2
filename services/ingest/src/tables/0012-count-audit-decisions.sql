INSERT INTO {database}.usage_events (org_id, project_id, counts_as, decision, tool, received_at, rank)
SELECT org_id, project_id, id, decision, tool, toDateTime64(retain_until - INTERVAL 30 DAY, 3, 'UTC'), 2
FROM {database}.audit_decisions_before
WHERE kind = 'decision'
