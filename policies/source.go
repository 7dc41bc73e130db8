package policies

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"regexp"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// Fault is one thing wrong with a bundle's source, with the place to mend it.
type Fault struct {
	File string // path within the bundle
	Line int    // counts from 1; 0 when it is about the whole file
	What string
}

// Error gives file:line: what.
func (f *Fault) Error() string {
	if f.Line == 0 {
		return f.File + ": " + f.What
	}
	return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.What)
}

func faultf(file string, line int, format string, args ...any) error {
	return &Fault{File: file, Line: line, What: fmt.Sprintf(format, args...)}
}

// positioned is a YAML scalar that remembers its line, for faults found after parsing.
type positioned[T any] struct {
	value T
	line  int
}

// UnmarshalYAML decodes the scalar and keeps its line.
func (p *positioned[T]) UnmarshalYAML(n *yaml.Node) error {
	p.line = n.Line
	return n.Decode(&p.value)
}

// lineOf finds the place that yaml names in its messages; unknownKey its words for a key that the
// value does not know, which speak of Go types.
var (
	lineOf     = regexp.MustCompile(`^(?:yaml: )?line (\d+): (?s:(.*))$`)
	unknownKey = regexp.MustCompile(`^field (.+) not found in type \S+$`)
)

// readYAML decodes one file into a value; keys that the value does not know are faults. Every
// fault of the file is in the error.
func readYAML(fsys fs.FS, file string, into any) error {
	data, err := fs.ReadFile(fsys, file)
	if err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	err = d.Decode(into)
	switch {
	case err == nil:
		if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
			return faultf(file, 0, "holds more than one YAML document")
		}
		return nil
	case errors.Is(err, io.EOF):
		return faultf(file, 0, "is empty")
	}
	messages := []string{err.Error()}
	if typed, ok := errors.AsType[*yaml.TypeError](err); ok {
		messages = typed.Errors
	}
	var faults []error
	for _, m := range messages {
		line := 0
		if found := lineOf.FindStringSubmatch(m); found != nil {
			line, _ = strconv.Atoi(found[1])
			m = found[2]
		}
		faults = append(faults, faultf(file, line, "%s", unknownKey.ReplaceAllString(m, "unknown key $1")))
	}
	return errors.Join(faults...)
}
