package clickhouse

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncFilesystem is syncfs(2), which tells of errors in writing back since Linux 5.8.
func syncFilesystem(dir *os.File) error { return unix.Syncfs(int(dir.Fd())) }
