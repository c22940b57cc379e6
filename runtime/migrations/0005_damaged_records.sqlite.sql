-- A partition stops before records whose bytes are damaged, too. SQLite changes no constraint in place.
CREATE TABLE halts_of_every_cause (
    topic            text   NOT NULL,
    partition        integer NOT NULL,
    number           integer NOT NULL CHECK (number >= 1),
    halted_at        integer NOT NULL,
    cause            text   NOT NULL CHECK (cause IN ('deleted_unread', 'created_again', 'behind_end', 'damaged')),
    next_offset      integer NOT NULL,
    first_offset     integer NOT NULL,
    end_offset       integer NOT NULL,
    topic_id         text,
    present_topic_id text,
    unreadable       integer,
    state            text   NOT NULL CHECK (state IN ('standing', 'asked', 'moved')),
    move_to          integer,
    moved_by         text,
    reason           text,
    asked_at         integer,
    moved_at         integer,
    moved_to         integer,
    skipped_from     integer,
    skipped_to       integer,
    counted_before   integer,
    PRIMARY KEY (topic, partition, number),
    CHECK (state = 'standing' OR (moved_by IS NOT NULL AND reason IS NOT NULL AND asked_at IS NOT NULL)),
    CHECK (state <> 'moved' OR (moved_at IS NOT NULL AND moved_to IS NOT NULL AND skipped_from <= skipped_to))
) STRICT;
INSERT INTO halts_of_every_cause SELECT * FROM halts;
DROP TABLE halts;
ALTER TABLE halts_of_every_cause RENAME TO halts;
-- A partition has one open halt at most.
CREATE UNIQUE INDEX halts_open ON halts (topic, partition) WHERE state <> 'moved';
