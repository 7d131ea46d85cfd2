-- One narrow row per event that counts, for usage and invoices: it outlives the record, which goes with the plan's
-- retention or with its project. A report that names a decision has that decision's row (`counts_as`), and the
-- decision's own stands above it (`rank`); FINAL makes one of them.
CREATE TABLE IF NOT EXISTS {database}.usage_events
(
    org_id      UUID CODEC(ZSTD(1)),
    project_id  UUID CODEC(ZSTD(1)),
    counts_as   UUID CODEC(ZSTD(1)),
    decision    LowCardinality(String),
    tool        LowCardinality(String),
    received_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    rank        UInt8 COMMENT '1: reported, 2: our decision'
)
ENGINE = ReplacingMergeTree(rank)
PARTITION BY toYYYYMM(received_at)
ORDER BY (org_id, project_id, counts_as)
TTL toDateTime(received_at) + INTERVAL 37 MONTH DELETE
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
