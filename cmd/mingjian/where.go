package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"mingjian/collector/stream"
	"mingjian/collector/warehouse"
	"mingjian/deploy/embedded"
)

// where is how a command finds a system: by the data directory of a running 'up', or by addresses.
type where struct {
	Data           string   `help:"Data directory of a running 'mingjian up'; without one, the default directory." placeholder:"DIR"`
	Kafka          []string `group:"Your own Kafka and ClickHouse:" help:"Kafka brokers, host:port, instead of those found in --data." placeholder:"BROKER"`
	ClickHouse     string   `group:"Your own Kafka and ClickHouse:" name:"clickhouse" help:"ClickHouse, http://host:8123 or clickhouse://host:9000 (over TLS https://host:8443 or clickhouse://host:9440?secure=true), instead of the one found in --data." placeholder:"URL"`
	ClickHouseUser string   `group:"Your own Kafka and ClickHouse:" name:"clickhouse-user" help:"ClickHouse user; its password is read from MINGJIAN_CLICKHOUSE_PASSWORD, or the file that MINGJIAN_CLICKHOUSE_PASSWORD_FILE names." placeholder:"NAME"`
	secured        `embed:"" group:"Your own Kafka and ClickHouse:"`
}

// dataDirectory is where 'up' keeps its data when no flag says otherwise. The demo has one of its
// own, so that made-up conversations never mix with a real record.
func dataDirectory(demo bool) (string, error) {
	base := os.Getenv("XDG_DATA_HOME")
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("no default data directory (%w): name one with --data", err)
		}
		base = filepath.Join(home, ".local", "share")
	}
	if demo {
		return filepath.Join(base, "mingjian-demo"), nil
	}
	return filepath.Join(base, "mingjian"), nil
}

// running finds the system by its data directory; without --data the default one, or else the demo.
func (w *where) running() (embedded.Endpoints, string, error) {
	if w.Data != "" {
		endpoints, err := embedded.Find(w.Data)
		return endpoints, w.Data, err
	}
	dir, err := dataDirectory(false)
	if err != nil {
		return embedded.Endpoints{}, "", err
	}
	endpoints, err := embedded.Find(dir)
	if err == nil {
		return endpoints, dir, nil
	}
	if demo, e := dataDirectory(true); e == nil {
		if endpoints, e := embedded.Find(demo); e == nil {
			return endpoints, demo, nil
		}
	}
	return embedded.Endpoints{}, "", err
}

// cluster says where the stream is and how it is reached.
func (w *where) cluster() (stream.Cluster, error) {
	if len(w.Kafka) > 0 {
		return w.secured.kafka(w.Kafka)
	}
	if w.secured.asksOfKafka() {
		return stream.Cluster{}, errors.New("--kafka-tls, --kafka-sasl and what belongs to them are for brokers that --kafka names: the embedded one listens on this machine only")
	}
	endpoints, _, err := w.running()
	return stream.At(endpoints.Kafka), err
}

// console is the address of the running system's console; "" where that is not known.
func (w *where) console() string {
	if len(w.Kafka) > 0 {
		return ""
	}
	endpoints, _, err := w.running()
	if err != nil {
		return ""
	}
	return endpoints.Console
}

// store says where the record is, for one of the embedded users or the one named by the flags.
func (w *where) store(user string) (warehouse.Options, error) {
	readOnly := user == embedded.ReaderUser
	if w.ClickHouse != "" {
		password, err := secret(clickhousePassword)
		if err != nil {
			return warehouse.Options{}, err
		}
		out := warehouse.Options{Addr: w.ClickHouse, User: w.ClickHouseUser, Password: password, ReadOnly: readOnly}
		if w.ClickHouseCA != "" {
			out.TLS, err = trusting(w.ClickHouseCA, "--clickhouse-ca")
		}
		return out, err
	}
	if w.ClickHouseCA != "" {
		return warehouse.Options{}, errors.New("--clickhouse-ca is for the server that --clickhouse names: the embedded one listens on this machine only")
	}
	endpoints, dir, err := w.running()
	if err != nil {
		return warehouse.Options{}, err
	}
	return embeddedStore(dir, endpoints, user)
}

// embeddedStore says how a user of the embedded ClickHouse reaches it.
func embeddedStore(dir string, endpoints embedded.Endpoints, user string) (warehouse.Options, error) {
	credentials, err := embedded.LoadCredentials(filepath.Join(dir, embedded.CredentialsFile))
	if err != nil {
		return warehouse.Options{}, err
	}
	password, err := credentials.Password(user)
	return warehouse.Options{Addr: endpoints.ClickHouse, User: user, Password: password, ReadOnly: user == embedded.ReaderUser}, err
}

// open connects to the record as the given embedded user.
func (w *where) open(ctx context.Context, user string) (*warehouse.Store, error) {
	options, err := w.store(user)
	if err != nil {
		return nil, err
	}
	return warehouse.Connect(ctx, options)
}
