package kafkatest

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"mingjian/deploy/embedded/kafka"
	"mingjian/deploy/embedded/tlstest"
)

// StartSecured gives a broker with the topics that speaks TLS only, with a certificate that the authority signed, and
// returns its address (host:port). With a mechanism, PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, it lets in User with
// Password, who may read and write the topics and be in groups whose names begin with GroupPrefix, and
// nothing else, and Stranger with the same password, who may nothing; without one, whoever has a certificate of the authority's. It is Kafka as the library behind ours plays it, since
// ours has no security, and always the test's own.
func StartSecured(tb testing.TB, a *tlstest.Authority, mechanism string, topics ...kafka.Topic) (addr string) {
	tb.Helper()
	options := []kfake.Opt{kfake.NumBrokers(1), kfake.TLS(a.Serving(mechanism == ""))}
	rights := []kfake.ACL{{Resource: kmsg.ACLResourceTypeGroup, Name: GroupPrefix, Pattern: kmsg.ACLResourcePatternTypePrefixed, Operation: kmsg.ACLOperationRead, Allow: true}}
	for _, t := range topics {
		options = append(options, kfake.SeedTopics(int32(t.Partitions), t.Name))
		for _, may := range []kmsg.ACLOperation{kmsg.ACLOperationRead, kmsg.ACLOperationWrite} {
			rights = append(rights, kfake.ACL{Resource: kmsg.ACLResourceTypeTopic, Name: t.Name, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: may, Allow: true})
		}
	}
	if mechanism != "" {
		options = append(options, kfake.EnableSASL(), kfake.EnableACLs(), kfake.User(mechanism, User, Password, rights...), kfake.User(mechanism, Stranger, Password))
	}
	cluster, err := kfake.NewCluster(options...)
	if err != nil {
		tb.Fatalf("the test's broker: %v", err)
	}
	tb.Cleanup(cluster.Close)
	return cluster.ListenAddrs()[0]
}

// Who is let in by StartSecured.
const (
	User        = "mingjian"
	Stranger    = "stranger"
	Password    = "password of tests with spaces"
	GroupPrefix = "mingjian"
)
