-- What the runtime itself keeps, next to the group's own tables.

CREATE TABLE shards (
    shard              bigint PRIMARY KEY,
    epoch              bigint NOT NULL CHECK (epoch >= 0),
    owner              text   NOT NULL,
    next_sequence      bigint NOT NULL CHECK (next_sequence >= 1),
    published_sequence bigint NOT NULL CHECK (published_sequence >= 0)
);

CREATE TABLE positions (
    topic        text   NOT NULL,
    partition    bigint NOT NULL,
    next_offset  bigint NOT NULL,
    start_offset bigint NOT NULL,
    topic_id     text,
    applied      bigint NOT NULL,
    duplicates   bigint NOT NULL,
    ignored      bigint NOT NULL,
    set_aside    bigint NOT NULL,
    parked       bigint NOT NULL,
    halted       text,
    PRIMARY KEY (topic, partition)
);

CREATE TABLE journal (
    shard       bigint NOT NULL,
    sequence    bigint NOT NULL,
    event_id    text   NOT NULL,
    topic       text   NOT NULL,
    record_key  bytea  NOT NULL,
    payload     bytea,
    headers     bytea  NOT NULL,
    written_at  bigint NOT NULL,
    PRIMARY KEY (shard, sequence)
);
CREATE INDEX journal_written_at ON journal (written_at);

CREATE TABLE tasks (
    task_id      text   PRIMARY KEY,
    shard        bigint NOT NULL,
    sequence     bigint NOT NULL,
    task_key     text   NOT NULL,
    kind         text   NOT NULL,
    payload      text   NOT NULL,
    causation_id text   NOT NULL,
    traceparent  text,
    created_at   bigint NOT NULL,
    attempts     bigint NOT NULL,
    not_before   bigint NOT NULL,
    state        text   NOT NULL CHECK (state IN ('waiting', 'answered', 'set_aside')),
    answer       text,
    answered_at  bigint
);
CREATE INDEX tasks_waiting ON tasks (shard, sequence) WHERE state = 'waiting';

CREATE TABLE timers (
    timer_id     text   PRIMARY KEY,
    shard        bigint NOT NULL,
    timer_key    text   NOT NULL,
    kind         text   NOT NULL,
    due_at       bigint NOT NULL,
    causation_id text   NOT NULL,
    traceparent  text
);
CREATE INDEX timers_due ON timers (shard, due_at);

CREATE TABLE dead_letters (
    dead_letter_id  text   PRIMARY KEY,
    shard           bigint NOT NULL,
    topic           text   NOT NULL,
    partition       bigint NOT NULL,
    record_offset   bigint NOT NULL,
    record_key      bytea,
    payload         bytea,
    headers         bytea  NOT NULL,
    record_time     bigint NOT NULL,
    reason          text   NOT NULL,
    detail          text   NOT NULL,
    stage           text   NOT NULL,
    first_failed_at bigint NOT NULL,
    last_failed_at  bigint NOT NULL,
    redrives        bigint NOT NULL,
    state           text   NOT NULL CHECK (state IN ('set_aside', 'redrive', 'redriven'))
);
CREATE INDEX dead_letters_state ON dead_letters (shard, state);

CREATE TABLE parked (
    topic         text   NOT NULL,
    partition     bigint NOT NULL,
    record_offset bigint NOT NULL,
    shard         bigint NOT NULL,
    record_key    bytea,
    payload       bytea,
    headers       bytea  NOT NULL,
    record_time   bigint NOT NULL,
    min_reader    bigint NOT NULL,
    parked_at     bigint NOT NULL,
    sequence      bigint NOT NULL,
    PRIMARY KEY (topic, partition, record_offset)
);
CREATE INDEX parked_shard ON parked (shard, sequence);
