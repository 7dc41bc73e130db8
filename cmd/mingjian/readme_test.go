package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"mingjian/collector/event"
)

// The conversation in the README is one that the collector takes.
func TestTheReadmesEventsAreValid(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(readme), "```json\n")
	block, _, _ = strings.Cut(block, "```")
	lines := strings.Split(strings.TrimSpace(block), "\n")
	if len(lines) < 4 {
		t.Fatalf("the README shows %d events", len(lines))
	}
	for _, line := range lines {
		if _, reject := event.Decode(nil, []byte(line), time.Date(2026, 11, 3, 0, 0, 0, 0, time.UTC)); reject != nil {
			t.Errorf("%v\n%s", reject, line)
		}
	}
}
