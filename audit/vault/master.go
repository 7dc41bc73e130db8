package vault

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"mingjian/collector/original"
)

// MasterKeyFile is the name of the master key's file in the directory of the workflow store.
const MasterKeyFile = "master.key"

// masterKey reads the master key: 32 bytes, nothing else. With make a missing file is made, readable
// by its owner only, and on disk before this returns.
func masterKey(path string, make bool) (key [original.KeySize]byte, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) && make {
		if err := makeMasterKey(path); err != nil {
			return key, fmt.Errorf("make the master key: %w", err)
		}
		f, err = os.Open(path)
	}
	if err != nil {
		return key, fmt.Errorf("read the master key: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, original.KeySize+1))
	if err != nil {
		return key, fmt.Errorf("read the master key: %w", err)
	}
	if len(b) != original.KeySize {
		return key, fmt.Errorf("%s is no master key: it must hold exactly %d random bytes", path, original.KeySize)
	}
	copy(key[:], b)
	return key, nil
}

// makeMasterKey writes a new key beside the path and links it there: of two processes that start
// together one makes it and both read it, and half a key is never there.
func makeMasterKey(path string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".master-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	var key [original.KeySize]byte
	rand.Read(key[:]) // never fails
	_, err = f.Write(key[:])
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
