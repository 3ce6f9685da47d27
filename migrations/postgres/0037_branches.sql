-- What a branch says of itself, when it is open, and how it lets itself be booked.

ALTER TABLE branches ADD COLUMN address text NOT NULL DEFAULT '';
ALTER TABLE branches ADD COLUMN phone text;
ALTER TABLE branches ADD COLUMN active boolean NOT NULL DEFAULT TRUE;
-- JSON null: no hours of its own, so those of its experts count.
ALTER TABLE branches ADD COLUMN weekly jsonb NOT NULL DEFAULT 'null';
ALTER TABLE branches ADD COLUMN overrides jsonb NOT NULL DEFAULT '[]';
ALTER TABLE branches ADD COLUMN settings jsonb NOT NULL DEFAULT '{}';
ALTER TABLE branches ADD COLUMN version bigint NOT NULL DEFAULT 1;
CREATE INDEX branches_by_name ON branches (name, id);
