-- The first event of a subject is read off the index, without sorting.
DROP INDEX events_unplanned_by_subject;
CREATE INDEX events_unplanned_by_subject ON events (subject, subject_version, id) WHERE planned_at IS NULL;

-- SQLite keeps content as it is; on PostgreSQL it is compressed by a quicker method from here on.
