-- +goose Up
-- Whoever makes a link could use it themselves.
ALTER TABLE account_links ADD COLUMN made_by TEXT NOT NULL DEFAULT '';
