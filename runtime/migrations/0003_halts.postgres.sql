-- Partitions that stopped because their position lies outside of their topic: the exact account of
-- the gap, and the operator's decision about it. A row is never deleted: the auditor reads it.

CREATE TABLE halts (
    topic            text   NOT NULL,
    partition        bigint NOT NULL,
    number           bigint NOT NULL CHECK (number >= 1),
    halted_at        bigint NOT NULL,
    cause            text   NOT NULL CHECK (cause IN ('deleted_unread', 'created_again', 'behind_end')),
    next_offset      bigint NOT NULL,
    first_offset     bigint NOT NULL,
    end_offset       bigint NOT NULL,
    topic_id         text,
    present_topic_id text,
    unreadable       bigint,
    state            text   NOT NULL CHECK (state IN ('standing', 'asked', 'moved')),
    move_to          bigint,
    moved_by         text,
    reason           text,
    asked_at         bigint,
    moved_at         bigint,
    moved_to         bigint,
    skipped_from     bigint,
    skipped_to       bigint,
    counted_before   bigint,
    PRIMARY KEY (topic, partition, number),
    CHECK (state = 'standing' OR (moved_by IS NOT NULL AND reason IS NOT NULL AND asked_at IS NOT NULL)),
    CHECK (state <> 'moved' OR (moved_at IS NOT NULL AND moved_to IS NOT NULL AND skipped_from <= skipped_to))
);
-- A partition has one open halt at most.
CREATE UNIQUE INDEX halts_open ON halts (topic, partition) WHERE state <> 'moved';
