RENAME TABLE IF EXISTS {database}.audit_outcomes TO {database}.audit_outcomes_before
