-- What came of a decision, by the decision's own key, so that both are found by the same ranges; in the place of
-- audit_outcomes. A result may be written before its decision; alone it is not shown.
CREATE TABLE IF NOT EXISTS {database}.audit_results
(
    org_id        UUID CODEC(ZSTD(1)),
    project_id    UUID CODEC(ZSTD(1)),
    time          DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    id            UUID CODEC(ZSTD(1)),
    outcome       LowCardinality(Nullable(String)),
    duration_ms   Nullable(Float64) CODEC(ZSTD(1)),
    rows          Nullable(Int64) CODEC(ZSTD(1)),
    bytes         Nullable(Int64) CODEC(ZSTD(1)),
    redactions    Nullable(Int64) CODEC(ZSTD(1)),
    result_digest Nullable(String) CODEC(ZSTD(1)),
    received_at   DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    retain_until  DateTime('UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (org_id, project_id, time, id)
TTL retain_until DELETE
SETTINGS index_granularity = 1024, fsync_after_insert = 1, fsync_part_directory = 1
