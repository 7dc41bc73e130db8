package clickhouse

import (
	"bufio"
	"io"
	"time"

	chproto "github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"
)

// reencodable makes the engine write JSON and Dynamic columns in the one form
// that the library can read and write again.
const reencodable = "output_format_native_use_flattened_dynamic_and_json_serialization=1"

// reencode copies blocks in Native format, which the engine writes for
// protocol revision 0, to w as a client of the given revision reads them.
// Memory: one block at a time.
func reencode(w io.Writer, r io.Reader, revision uint64) error {
	buffered := bufio.NewReaderSize(r, frameSize)
	in := chproto.NewReader(buffered)
	var out chproto.Buffer
	for {
		if _, err := buffered.Peek(1); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		block := proto.Block{ServerContext: &column.ServerContext{
			Revision: revision, VersionMajor: versionMajor, VersionMinor: versionMinor, Timezone: time.UTC,
		}}
		out.Reset()
		err := block.Decode(in, 0)
		if err == nil {
			err = block.Encode(&out, revision)
		}
		if err != nil {
			return raise(codeNotImplemented, "NOT_IMPLEMENTED", "A column of this result cannot be sent in Native format: %v", err)
		}
		if _, err := w.Write(out.Buf); err != nil {
			return err
		}
	}
}
