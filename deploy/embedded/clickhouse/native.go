package clickhouse

import (
	"bufio"
	"io"
	"time"

	chproto "github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"
)

// reencodable are the engine's settings for an answer that is written anew:
// JSON and Dynamic columns in the one form that the library can read and write
// again, and blocks an eighth as long as by default, because a block is held
// here whole, several times over, and sorted rows come in the longest ones.
var reencodable = []string{
	"output_format_native_use_flattened_dynamic_and_json_serialization=1",
	"max_block_size=8192",
}

// maxBlock is the largest block, in bytes, that is written anew: what is taken
// for it here is no part of what the engine counts.
const maxBlock = 128 << 20

// reencode copies blocks in Native format, which the engine writes for
// protocol revision 0, to w as a client of the given revision reads them.
// Memory: a few times one block, which may have up to maxBlock.
func reencode(w io.Writer, r io.Reader, revision uint64) error {
	limited := &io.LimitedReader{R: r}
	buffered := bufio.NewReaderSize(limited, frameSize)
	in := chproto.NewReader(buffered)
	var out chproto.Buffer
	for {
		limited.N = maxBlock
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
		if limited.N == 0 {
			return raise(codeTooMuch, "TOO_MANY_ROWS_OR_BYTES", "A block of this result has more than %d MiB: ask for shorter ones with SETTINGS max_block_size", maxBlock>>20)
		}
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
