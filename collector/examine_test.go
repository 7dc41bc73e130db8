package collector_test

import (
	"strings"
	"testing"

	"mingjian/collector"
	"mingjian/collector/stream"
	"mingjian/deploy/embedded/kafka"
	"mingjian/deploy/embedded/kafka/kafkatest"
)

// Topics that nobody made are named with the way out before anything waits for them.
func TestMissingTopicsAreNamed(t *testing.T) {
	broker := kafkatest.Start(t, kafka.Topic{Name: "made", Partitions: 1})
	if err := collector.TopicsExist(t.Context(), stream.At(broker), "made"); err != nil {
		t.Fatal(err)
	}
	err := collector.TopicsExist(t.Context(), stream.At(broker), "made", "forgotten")
	if err == nil || !strings.Contains(err.Error(), "topic forgotten") || !strings.Contains(err.Error(), "make it first") || strings.Contains(err.Error(), "topic made") {
		t.Fatalf("told %v", err)
	}
}
