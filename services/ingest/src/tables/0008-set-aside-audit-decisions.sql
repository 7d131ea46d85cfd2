-- From here on a process of before waits with what it has, and loses nothing, until one of today takes its place.
RENAME TABLE IF EXISTS {database}.audit_decisions TO {database}.audit_decisions_before
