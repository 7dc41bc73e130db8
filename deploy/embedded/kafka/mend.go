package kafka

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// mend prepares kfake's directory after a SIGKILL. kfake itself gets over what it finds, but
//   - it passes over a half-written tail in its logs of groups and producers and then appends behind
//     it, so that after a second SIGKILL what was committed in between would be lost: such a tail is
//     cut here;
//   - without a current snapshot of a partition it holds the partition's whole log in memory while it
//     starts, and forgets from where on records were deleted: the snapshot is renewed here.
func mend(dir string, log *slog.Logger) error {
	for _, name := range []string{"groups.log", "pids.log"} {
		if err := cut(filepath.Join(dir, name), wholeEntries, log); err != nil {
			return err
		}
	}
	partitions, err := os.ReadDir(filepath.Join(dir, "partitions"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, p := range partitions {
		if err := renewSnapshot(filepath.Join(dir, "partitions", p.Name()), log); err != nil {
			return fmt.Errorf("partition %s: %w", p.Name(), err)
		}
	}
	return nil
}

// snapshot is what kfake keeps of a partition beside its segments, as far as one broker without
// transactions has it. kfake lowers offsets that lie beyond the segments it then reads.
type snapshot struct {
	Version          int               `json:"version"`
	HighWatermark    int64             `json:"high_watermark"`
	LastStableOffset int64             `json:"last_stable_offset"`
	LogStartOffset   int64             `json:"log_start_offset"`
	CreatedAt        time.Time         `json:"created_at"`
	Segments         []snapshotSegment `json:"segments"`
}

type snapshotSegment struct {
	BaseOffset int64 `json:"base_offset"`
	Size       int64 `json:"size"`
}

// snapshotVersion is the version of kfake's files that this was written for. Of a snapshot of
// another version kfake makes what it can, and reads the segments.
const snapshotVersion = 1

// renewSnapshot makes the snapshot speak of the segments as they lie there, where it does not.
func renewSnapshot(dir string, log *slog.Logger) error {
	path := filepath.Join(dir, "snapshot.json")
	var old snapshot
	raw, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case json.Unmarshal(raw, &old) != nil:
		log.Warn("kafka renews a damaged snapshot", "file", path)
		old = snapshot{}
	case old.Version > snapshotVersion:
		return nil
	}
	segments, err := segmentsIn(dir)
	if err != nil || len(segments) == 0 || slices.Equal(segments, old.Segments) {
		return err
	}
	// Only the last segment was being written.
	last := &segments[len(segments)-1]
	if err := cut(filepath.Join(dir, segmentFile(last.BaseOffset)), wholeBatches, log); err != nil {
		return err
	}
	info, err := os.Stat(filepath.Join(dir, segmentFile(last.BaseOffset)))
	if err != nil {
		return err
	}
	last.Size = info.Size()
	renewed := snapshot{
		Version:          snapshotVersion,
		HighWatermark:    math.MaxInt64,
		LastStableOffset: math.MaxInt64,
		LogStartOffset:   max(old.LogStartOffset, segments[0].BaseOffset),
		CreatedAt:        old.CreatedAt,
		Segments:         segments,
	}
	raw, err = json.Marshal(renewed)
	if err != nil {
		return err
	}
	return replaceFile(path, raw)
}

func segmentFile(base int64) string { return strconv.FormatInt(base, 10) + ".dat" }

// segmentsIn lists a partition's segments by their first offset.
func segmentsIn(dir string) ([]snapshotSegment, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var segments []snapshotSegment
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".dat")
		base, err := strconv.ParseInt(name, 10, 64)
		if !ok || err != nil {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		segments = append(segments, snapshotSegment{BaseOffset: base, Size: info.Size()})
	}
	slices.SortFunc(segments, func(a, b snapshotSegment) int { return int(a.BaseOffset - b.BaseOffset) })
	return segments, nil
}

// cut shortens a file to its intact beginning, whose length whole gives.
func cut(path string, whole func([]byte) int, log *slog.Logger) error {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	n := whole(raw)
	if n == len(raw) {
		return nil
	}
	log.Warn("kafka cuts a damaged tail", "file", path, "bytes", len(raw)-n)
	return os.Truncate(path, int64(n))
}

// replaceFile writes a file so that a reader finds the old content or the new, never a part.
func replaceFile(path string, content []byte) error {
	next := path + ".new"
	if err := os.WriteFile(next, content, 0o600); err != nil {
		return err
	}
	return os.Rename(next, path)
}

// castagnoli is the polynomial of the checksums in both kinds of file.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// wholeEntries gives the length of the intact beginning of a log of groups or producers, whose
// entries are: length (4 bytes, little endian, of what follows the checksum), CRC-32C (4 bytes),
// content (at least a version of 2 bytes).
func wholeEntries(raw []byte) int {
	const head = 8
	pos := 0
	for pos+head <= len(raw) {
		end := pos + head + int(binary.LittleEndian.Uint32(raw[pos:]))
		if end > len(raw) || end < pos+head+2 ||
			crc32.Checksum(raw[pos+head:end], castagnoli) != binary.LittleEndian.Uint32(raw[pos+4:]) {
			break
		}
		pos = end
	}
	return pos
}

// wholeBatches gives the length of the intact beginning of a segment, which is Kafka record batches
// (message format 2) one after the other: base offset (8 bytes), length of the rest (4), leader epoch
// (4), magic (1), CRC-32C of what follows it (4), and so on; 61 bytes before the records.
func wholeBatches(raw []byte) int {
	const upToLength, upToCRC, head = 12, 21, 61
	pos := 0
	for pos+head <= len(raw) {
		end := pos + upToLength + int(binary.BigEndian.Uint32(raw[pos+8:]))
		if end > len(raw) || end < pos+head ||
			crc32.Checksum(raw[pos+upToCRC:end], castagnoli) != binary.BigEndian.Uint32(raw[pos+17:]) {
			break
		}
		pos = end
	}
	return pos
}
