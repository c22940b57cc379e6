-- SQLite rewrites a row in place and checks a foreign key without locking: nothing is to be done.
SELECT 1;
