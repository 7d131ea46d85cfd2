-- Which retention the rows of an organisation have, where it is not or was not that of the Free plan.
CREATE TABLE IF NOT EXISTS {database}.applied_retentions
(
    org_id     UUID,
    days       Nullable(UInt32) COMMENT 'null: no limit',
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(applied_at)
ORDER BY org_id
