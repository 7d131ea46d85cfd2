DROP TABLE IF EXISTS {database}.audit_decisions_before
