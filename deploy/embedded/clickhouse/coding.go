package clickhouse

import (
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/url"
	"strings"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// flusher is a writer that can hand on what it holds before it is closed.
type flusher interface {
	io.WriteCloser
	Flush() error
}

// encodings are the HTTP content codings that are spoken, in the order in
// which ClickHouse prefers them.
var encodings = []string{"br", "lz4", "zstd", "gzip", "deflate"}

// zstdWindow is the largest window of a request in zstd, in bytes: what RFC
// 9659 allows this coding over HTTP.
const zstdWindow = 8 << 20

// decoder undoes a request's Content-Encoding.
func decoder(encoding string, r io.Reader) (io.Reader, error) {
	switch encoding {
	case "", "identity":
		return r, nil
	case "gzip":
		return gzip.NewReader(r)
	case "deflate": // with zlib's header, as RFC 9110 has it
		return zlib.NewReader(r)
	case "br":
		return brotli.NewReader(r), nil
	case "zstd":
		return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(zstdWindow))
	case "lz4":
		return lz4.NewReader(r), nil
	}
	return nil, raise(codeNotImplemented, "NOT_IMPLEMENTED", "Unknown compression method: %s", encoding)
}

// encoder applies a content coding to a response.
func encoder(encoding string, w io.Writer) (flusher, error) {
	switch encoding {
	case "gzip":
		return gzip.NewWriterLevel(w, 3) // 3: ClickHouse's default for HTTP
	case "deflate":
		return zlib.NewWriterLevel(w, 3)
	case "br":
		return brotli.NewWriterLevel(w, 3), nil
	case "zstd":
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	default:
		return lz4.NewWriter(w), nil
	}
}

// negotiate picks a coding that the client accepts, or "".
func negotiate(accept string) string {
	offered := map[string]bool{}
	for part := range strings.SplitSeq(accept, ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.ReplaceAll(weight, " ", "") != "q=0" {
			offered[strings.TrimSpace(name)] = true
		}
	}
	for _, e := range encodings {
		if offered[e] {
			return e
		}
	}
	return ""
}

// frameSize is how many bytes of a response go into one compressed frame, as
// in ClickHouse (DBMS_DEFAULT_BUFFER_SIZE).
const frameSize = 1 << 20

// A framer writes ClickHouse's own compressed frames.
type framer struct {
	w   io.Writer
	c   *compress.Writer
	buf []byte
}

// newFramer takes the method from the setting network_compression_method.
func newFramer(w io.Writer, settings url.Values) *framer {
	method := compress.LZ4
	switch strings.ToUpper(settings.Get("network_compression_method")) {
	case "ZSTD":
		method = compress.ZSTD
	case "NONE":
		method = compress.None
	}
	return &framer{w: w, c: compress.NewWriter(compress.LevelZero, method)}
}

func (f *framer) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(frameSize-len(f.buf), len(rest))
		f.buf = append(f.buf, rest[:n]...)
		rest = rest[n:]
		if len(f.buf) == frameSize {
			if err := f.Flush(); err != nil {
				return 0, err
			}
		}
	}
	return len(p), nil
}

func (f *framer) Flush() error {
	if len(f.buf) == 0 {
		return nil
	}
	if err := f.c.Compress(f.buf); err != nil {
		return err
	}
	f.buf = f.buf[:0]
	_, err := f.w.Write(f.c.Data)
	return err
}

func (f *framer) Close() error { return f.Flush() }

// unframed reads ClickHouse's own compressed frames, each at most 128 MiB
// (the library's limit) when unpacked.
type unframed struct{ r *compress.Reader }

func (u unframed) Read(p []byte) (int, error) {
	n, err := u.r.Read(p)
	if errors.Is(err, io.EOF) { // the library wraps it; a frame cut short is io.ErrUnexpectedEOF
		return n, io.EOF
	}
	return n, err
}
