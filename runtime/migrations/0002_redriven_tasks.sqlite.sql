-- How often a task was tried again after its answer had been set aside. A build that does not know
-- the column leaves it at its default.
ALTER TABLE tasks ADD COLUMN redrives integer NOT NULL DEFAULT 0 CHECK (redrives >= 0);
