-- +goose Up
CREATE TABLE things (id TEXT PRIMARY KEY, name TEXT NOT NULL);
