-- One row per decision, report or administrative act, in the place of audit_decisions: partitions follow the time
-- of receipt, so that `retain_until` is an ordinary column, which changes with the organisation's plan. The key
-- begins with what every page asks for, so that a page reads a few granules. What was written twice is one row
-- after a merge; until then readers skip the second (audits.ts).
-- Not by the event's own time: whoever reports an event chooses it, and an insert that spans more than 100
-- partitions is refused.
CREATE TABLE IF NOT EXISTS {database}.audit_records
(
    org_id           UUID CODEC(ZSTD(1)),
    project_id       UUID COMMENT 'all zero: of the organisation, of no project' CODEC(ZSTD(1)),
    time             DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    decision         LowCardinality(String) COMMENT 'empty: reported without one',
    id               UUID CODEC(ZSTD(1)),
    kind             LowCardinality(String),
    method           LowCardinality(String),
    tool             LowCardinality(String),
    arguments        Nullable(String) COMMENT 'JSON' CODEC(ZSTD(3)),
    arguments_digest Nullable(String) CODEC(ZSTD(1)),
    facts            Nullable(String) COMMENT 'JSON' CODEC(ZSTD(3)),
    rule             LowCardinality(String),
    reason           String CODEC(ZSTD(3)),
    policy_version   Nullable(Int64),
    policy_hash      LowCardinality(Nullable(String)),
    mode             LowCardinality(String),
    agent            LowCardinality(Nullable(String)),
    key_id           Nullable(UUID) CODEC(ZSTD(1)),
    user_id          Nullable(UUID) CODEC(ZSTD(1)),
    request_id       Nullable(String) CODEC(ZSTD(1)),
    trace_id         Nullable(String) CODEC(ZSTD(1)),
    approved_by      Nullable(UUID) CODEC(ZSTD(1)),
    outcome          LowCardinality(Nullable(String)),
    duration_ms      Nullable(Float64) CODEC(ZSTD(1)),
    rows             Nullable(Int64) CODEC(ZSTD(1)),
    bytes            Nullable(Int64) CODEC(ZSTD(1)),
    redactions       Nullable(Int64) CODEC(ZSTD(1)),
    result_digest    Nullable(String) CODEC(ZSTD(1)),
    decision_id      Nullable(UUID) COMMENT 'of a report: the decision it names' CODEC(ZSTD(1)),
    received_at      DateTime64(3, 'UTC') COMMENT 'when the stream stored it' CODEC(Delta, ZSTD(1)),
    retain_until     DateTime('UTC') CODEC(Delta, ZSTD(1)),
    INDEX by_id id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX by_time time TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (org_id, project_id, time, decision, id)
TTL retain_until DELETE
SETTINGS index_granularity = 1024, fsync_after_insert = 1, fsync_part_directory = 1
