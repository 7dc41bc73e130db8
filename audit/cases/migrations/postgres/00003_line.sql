-- +goose Up
ALTER TABLE cases ADD COLUMN business_line TEXT NOT NULL DEFAULT ''; -- the session's; '' where it has none, and of cases of before, which only people who see all lines see
