-- What a branch says of itself, when it is open, and how it lets itself be booked.

ALTER TABLE branches ADD COLUMN address TEXT NOT NULL DEFAULT '';
ALTER TABLE branches ADD COLUMN phone TEXT;
ALTER TABLE branches ADD COLUMN active BOOLEAN NOT NULL DEFAULT TRUE;
-- JSON null: no hours of its own, so those of its experts count.
ALTER TABLE branches ADD COLUMN weekly TEXT NOT NULL DEFAULT 'null';
ALTER TABLE branches ADD COLUMN overrides TEXT NOT NULL DEFAULT '[]';
ALTER TABLE branches ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
ALTER TABLE branches ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
CREATE INDEX branches_by_name ON branches (name, id);
