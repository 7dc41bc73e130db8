package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

const endpointsFile = "endpoints.json"

// Endpoints says where a running system is reached.
type Endpoints struct {
	Console    string `json:"console"`    // http://host:port
	Kafka      string `json:"kafka"`      // host:port
	ClickHouse string `json:"clickhouse"` // http://host:port
}

// Write puts the endpoints into the data directory for Find, all at once and for its owner only. The
// caller of Run does this when everything is ready, the console included.
func (e Endpoints) Write(data string) error {
	raw, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("write the endpoints: %w", err)
	}
	if err := replaceFile(filepath.Join(data, endpointsFile), append(raw, '\n')); err != nil {
		return fmt.Errorf("write the endpoints: %w", err)
	}
	return nil
}

// removeEndpoints ends what Write began; where nothing was written it is content.
func removeEndpoints(data string) error {
	if err := os.Remove(filepath.Join(data, endpointsFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the endpoints: %w", err)
	}
	return nil
}

// Find gives the endpoints of the system that runs in a data directory. Where none runs, also where
// one was killed and left its file behind, the error says in one line what to do.
func Find(data string) (Endpoints, error) {
	raw, err := os.ReadFile(filepath.Join(data, endpointsFile))
	if errors.Is(err, os.ErrNotExist) {
		if running, herr := held(data); herr == nil && running {
			return Endpoints{}, fmt.Errorf("the system in %s is starting and not ready yet: try again in a moment", data)
		}
		return Endpoints{}, notRunning(data, "")
	}
	if err != nil {
		return Endpoints{}, fmt.Errorf("find the system in %s: %w", data, err)
	}
	running, err := held(data)
	if err != nil {
		return Endpoints{}, fmt.Errorf("find the system in %s: %w", data, err)
	}
	if !running {
		return Endpoints{}, notRunning(data, " (the last one ended without a goodbye)")
	}
	var e Endpoints
	if err := json.Unmarshal(raw, &e); err != nil {
		return Endpoints{}, fmt.Errorf("find the system in %s: %s: %w", data, endpointsFile, err)
	}
	return e, nil
}

func notRunning(data, why string) error {
	return fmt.Errorf("no running system in %s%s: start one with 'mingjian up --data %s', or name addresses with --kafka and --clickhouse", data, why, data)
}

// replaceFile writes a file so that a reader finds the old content or the new, never a part.
func replaceFile(path string, content []byte) error {
	next, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	_, err = next.Write(content)
	err = errors.Join(err, next.Sync(), next.Close())
	if err == nil {
		err = os.Rename(next.Name(), path)
	}
	if err != nil {
		os.Remove(next.Name())
	}
	return err
}
