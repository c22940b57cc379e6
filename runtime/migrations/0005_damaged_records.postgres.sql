-- A partition stops before records whose bytes are damaged, too.
ALTER TABLE halts DROP CONSTRAINT halts_cause_check;
ALTER TABLE halts ADD CONSTRAINT halts_cause_check
    CHECK (cause IN ('deleted_unread', 'created_again', 'behind_end', 'damaged'));
