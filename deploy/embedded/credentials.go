package embedded

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

const (
	// CredentialsFile lies in the data directory and holds Credentials as JSON, mode 0600.
	CredentialsFile = "clickhouse.users"

	// WriterUser may do everything in ClickHouse; the application works as it.
	WriterUser = "mingjian"
	// ReaderUser may only read; dashboards and `mingjian sql` work as it.
	ReaderUser = "reader"
	// DefaultUser is whoever names nobody: it has no password, may only read, and is let in from
	// this machine only.
	DefaultUser = "default"
)

// User may use the embedded ClickHouse.
type User struct {
	Name string `json:"name"`
	// Password, when empty, lets in only clients on this machine.
	Password string `json:"password"`
	// ReadOnly users may change nothing.
	ReadOnly bool `json:"read_only"`
}

// Credentials are the users of the embedded ClickHouse. Run makes them at its first start in a data
// directory.
type Credentials struct {
	Users []User `json:"users"`
}

// Password of a user; an error where there is no such user.
func (c Credentials) Password(user string) (string, error) {
	for _, u := range c.Users {
		if u.Name == user {
			return u.Password, nil
		}
	}
	return "", fmt.Errorf("there is no ClickHouse user %q", user)
}

// LoadCredentials reads the file: DIR/clickhouse.users, or what --users names.
func LoadCredentials(path string) (Credentials, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return Credentials{}, fmt.Errorf("read the ClickHouse users: %w", err)
	}
	var c Credentials
	err = json.Unmarshal(raw, &c)
	if err == nil && len(c.Users) == 0 {
		err = errors.New("it names nobody")
	}
	if err != nil {
		return Credentials{}, fmt.Errorf("ClickHouse users in %s are not readable (%w): remove the file, and the next start makes new ones", path, err)
	}
	return c, nil
}

// makeCredentials writes users with new random passwords, unless there are some already.
func makeCredentials(path string) error {
	if _, err := os.Stat(path); err == nil {
		_, err := LoadCredentials(path)
		return err
	}
	c := Credentials{Users: []User{
		{Name: WriterUser, Password: rand.Text()},
		{Name: ReaderUser, Password: rand.Text(), ReadOnly: true},
		{Name: DefaultUser, ReadOnly: true},
	}}
	raw, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("make the ClickHouse users: %w", err)
	}
	if err := replaceFile(path, append(raw, '\n')); err != nil {
		return fmt.Errorf("make the ClickHouse users: %w", err)
	}
	return nil
}
