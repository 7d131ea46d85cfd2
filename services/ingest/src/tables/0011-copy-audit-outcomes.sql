INSERT INTO {database}.audit_results (org_id, project_id, time, id, outcome, duration_ms, rows, bytes, redactions,
  result_digest, received_at, retain_until)
SELECT org_id, project_id, time, id, outcome, duration_ms, rows, bytes, redactions, result_digest,
  toDateTime64(retain_until - INTERVAL 30 DAY, 3, 'UTC'), retain_until
FROM {database}.audit_outcomes_before
