DROP TABLE IF EXISTS {database}.audit_outcomes_before
