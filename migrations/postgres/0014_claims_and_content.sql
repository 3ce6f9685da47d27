-- The first event of a subject is read off the index, without sorting.
DROP INDEX events_unplanned_by_subject;
CREATE INDEX events_unplanned_by_subject ON events (subject, subject_version, id) WHERE planned_at IS NULL;

-- Mails are kept as they are sent, some kilobytes each. PostgreSQL's first compression costs more than everything
-- else about writing them; LZ4 is there from version 14 on, where it was built in.
DO $$
BEGIN
    EXECUTE 'ALTER TABLE deliveries ALTER COLUMN content SET COMPRESSION lz4';
EXCEPTION
    WHEN syntax_error OR feature_not_supported OR invalid_parameter_value THEN
        RAISE NOTICE 'deliveries.content keeps its compression: %', SQLERRM;
END
$$;
