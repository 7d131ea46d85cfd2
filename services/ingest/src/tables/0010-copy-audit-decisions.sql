-- Rows were kept for 30 days from when they came. Copied twice they are one row after a merge.
INSERT INTO {database}.audit_records (org_id, project_id, time, decision, id, kind, method, tool, arguments,
  arguments_digest, facts, rule, reason, policy_version, policy_hash, mode, agent, key_id, user_id, request_id,
  trace_id, approved_by, outcome, duration_ms, rows, bytes, redactions, result_digest, received_at, retain_until)
SELECT org_id, project_id, time, decision, id, kind, method, tool, arguments,
  arguments_digest, facts, rule, reason, policy_version, policy_hash, mode, agent, key_id, user_id, request_id,
  trace_id, approved_by, outcome, duration_ms, rows, bytes, redactions, result_digest,
  toDateTime64(retain_until - INTERVAL 30 DAY, 3, 'UTC'), retain_until
FROM {database}.audit_decisions_before
