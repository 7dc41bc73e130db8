package dossier

import (
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What a package may have. They bound what a hostile one costs whoever looks at it, and are far above what an
// honest one needs.
const (
	maxFiles    = 200_000  // a year of seals, their proofs among them
	maxManifest = 64 << 20 // bytes; 200,000 files with short names are 60 MB
	maxName     = 255      // bytes: what every file system takes
	maxTotal    = 1 << 40  // bytes of contents
	// maxRatio is how many times smaller packing may have made a file beyond its first megabyte. Rows have salts
	// and commitments, which do not pack at all; deflate itself goes to 1,032.
	maxRatio = 250
	// MaxLine is how long a line of a JSON Lines file may be, in bytes, its end excluded. Kafka takes no longer
	// message.
	MaxLine = 1 << 20
)

// checkName refuses a name that could lead anywhere when the package is unpacked, on any system.
func checkName(name string) error {
	switch {
	case name == "" || len(name) > maxName:
		return fmt.Errorf("a name of %d bytes", len(name))
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return fmt.Errorf("the name %q has characters that names have not", name)
	case strings.ContainsAny(name, `\:*?"<>|`):
		return fmt.Errorf("the name %q has one of the characters \\ : * ? \" < > |", name)
	case path.IsAbs(name) || path.Clean(name) != name || name == "." || name == ".." || strings.HasPrefix(name, "../"):
		return fmt.Errorf("the name %q does not lead to a file inside", name)
	}
	for _, part := range strings.Split(name, "/") {
		// Windows drops dots and spaces at the end and would find another file.
		if strings.HasSuffix(part, ".") || strings.HasSuffix(part, " ") {
			return fmt.Errorf("the name %q ends in a dot or a space", name)
		}
	}
	return nil
}

// folded is what tells names apart on systems that do not tell capitals from small letters.
func folded(name string) string { return strings.ToLower(name) }
