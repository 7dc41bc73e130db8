//go:build !linux

package clickhouse

import (
	"errors"
	"os"
)

// syncFilesystem is not there, nor is the engine.
func syncFilesystem(*os.File) error { return errors.ErrUnsupported }
