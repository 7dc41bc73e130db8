-- +goose Up
-- Whose the thing is that something was done to; '' where it is nobody's in particular. Entries of before
-- have none.
ALTER TABLE journal ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
ALTER TABLE journal ADD COLUMN business_line TEXT NOT NULL DEFAULT '';
CREATE INDEX journal_time ON journal (at_ms, id);
CREATE INDEX journal_actor ON journal (actor, at_ms, id);
CREATE INDEX journal_action ON journal (action, at_ms, id);
