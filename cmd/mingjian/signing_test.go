package main

import "testing"

// TestNobodyReadsLocallyThroughAProxy: one on this machine comes from loopback, whoever is behind it.
func TestNobodyReadsLocallyThroughAProxy(t *testing.T) {
	for _, c := range []struct {
		console, listener string
		want              bool
	}{
		{"", "127.0.0.1:8080", true},
		{"", "[::1]:8080", true},
		{"", "192.0.2.1:8080", false},
		{"https://mingjian.example.com", "127.0.0.1:8080", false},
	} {
		if got := (&signing{ConsoleURL: c.console}).local(c.listener); got != c.want {
			t.Errorf("%q listening on %s: %v", c.console, c.listener, got)
		}
	}
}
