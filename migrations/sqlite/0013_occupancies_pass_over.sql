-- Several rows are taken by one statement: a row that overlaps is passed over, as ON CONFLICT DO NOTHING does on
-- PostgreSQL, and the rows that were written are the answer. Until now the first overlap aborted the statement.
DROP TRIGGER occupancies_no_overlap_insert;
CREATE TRIGGER occupancies_no_overlap_insert BEFORE INSERT ON occupancies
WHEN EXISTS (SELECT 1 FROM occupancies o
             WHERE o.subject_id = NEW.subject_id
               AND o.ends_at > NEW.starts_at AND o.starts_at < NEW.ends_at)
BEGIN
    SELECT RAISE(IGNORE);
END;
