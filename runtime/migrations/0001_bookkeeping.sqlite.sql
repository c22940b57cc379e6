-- What the runtime itself keeps, next to the group's own tables.

CREATE TABLE shards (
    shard              integer PRIMARY KEY,
    epoch              integer NOT NULL CHECK (epoch >= 0),
    owner              text NOT NULL,
    next_sequence      integer NOT NULL CHECK (next_sequence >= 1),
    published_sequence integer NOT NULL CHECK (published_sequence >= 0)
) STRICT;

CREATE TABLE positions (
    topic        text NOT NULL,
    partition    integer NOT NULL,
    next_offset  integer NOT NULL,
    start_offset integer NOT NULL,
    topic_id     text,
    applied      integer NOT NULL,
    duplicates   integer NOT NULL,
    ignored      integer NOT NULL,
    set_aside    integer NOT NULL,
    parked       integer NOT NULL,
    halted       text,
    PRIMARY KEY (topic, partition)
) STRICT;

CREATE TABLE journal (
    shard       integer NOT NULL,
    sequence    integer NOT NULL,
    event_id    text NOT NULL,
    topic       text NOT NULL,
    record_key  blob NOT NULL,
    payload     blob,
    headers     blob NOT NULL,
    written_at  integer NOT NULL,
    PRIMARY KEY (shard, sequence)
) STRICT;
CREATE INDEX journal_written_at ON journal (written_at);

CREATE TABLE tasks (
    task_id      text   PRIMARY KEY,
    shard        integer NOT NULL,
    sequence     integer NOT NULL,
    task_key     text NOT NULL,
    kind         text NOT NULL,
    payload      text NOT NULL,
    causation_id text NOT NULL,
    traceparent  text,
    created_at   integer NOT NULL,
    attempts     integer NOT NULL,
    not_before   integer NOT NULL,
    state        text NOT NULL CHECK (state IN ('waiting', 'answered', 'set_aside')),
    answer       text,
    answered_at  integer
) STRICT;
CREATE INDEX tasks_waiting ON tasks (shard, sequence) WHERE state = 'waiting';

CREATE TABLE timers (
    timer_id     text   PRIMARY KEY,
    shard        integer NOT NULL,
    timer_key    text NOT NULL,
    kind         text NOT NULL,
    due_at       integer NOT NULL,
    causation_id text NOT NULL,
    traceparent  text
) STRICT;
CREATE INDEX timers_due ON timers (shard, due_at);

CREATE TABLE dead_letters (
    dead_letter_id  text   PRIMARY KEY,
    shard           integer NOT NULL,
    topic           text NOT NULL,
    partition       integer NOT NULL,
    record_offset   integer NOT NULL,
    record_key      blob,
    payload         blob,
    headers         blob NOT NULL,
    record_time     integer NOT NULL,
    reason          text NOT NULL,
    detail          text NOT NULL,
    stage           text NOT NULL,
    first_failed_at integer NOT NULL,
    last_failed_at  integer NOT NULL,
    redrives        integer NOT NULL,
    state           text NOT NULL CHECK (state IN ('set_aside', 'redrive', 'redriven'))
) STRICT;
CREATE INDEX dead_letters_state ON dead_letters (shard, state);

CREATE TABLE parked (
    topic         text NOT NULL,
    partition     integer NOT NULL,
    record_offset integer NOT NULL,
    shard         integer NOT NULL,
    record_key    blob,
    payload       blob,
    headers       blob NOT NULL,
    record_time   integer NOT NULL,
    min_reader    integer NOT NULL,
    parked_at     integer NOT NULL,
    sequence      integer NOT NULL,
    PRIMARY KEY (topic, partition, record_offset)
) STRICT;
CREATE INDEX parked_shard ON parked (shard, sequence);
