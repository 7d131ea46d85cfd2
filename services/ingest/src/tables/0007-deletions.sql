-- What was deleted, kept for as long as something of it may still be on its way (deletions.ts).
CREATE TABLE IF NOT EXISTS {database}.deletions
(
    kind       LowCardinality(String) COMMENT 'project, organization or person',
    org_id     UUID COMMENT 'all zero: of a person',
    subject_id UUID COMMENT 'of the project, the organisation, the person',
    deleted_at DateTime('UTC') DEFAULT now()
)
ENGINE = ReplacingMergeTree
ORDER BY (kind, org_id, subject_id)
TTL deleted_at + INTERVAL 7 DAY DELETE
