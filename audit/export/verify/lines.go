package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"

	"golang.org/x/sync/errgroup"

	"mingjian/audit/export/dossier"
)

// piece is how much of a file a worker gets at a time, in bytes; it ends with a line.
const piece = 1 << 20

// lines are whole lines of a file.
type lines struct {
	b     []byte
	first int // number of the first, from 1
}

// each calls fn with every line, without its end.
func (l lines) each(fn func(line []byte, number int)) {
	for b, n := l.b, l.first; len(b) > 0; n++ {
		end := bytes.IndexByte(b, '\n')
		fn(b[:end], n)
		b = b[end+1:]
	}
}

// place names a line of a file.
func place(name string, line int) string { return fmt.Sprintf("%s:%d", name, line) }

// stream reads a file of lines: one goroutine unpacks it, workers do the work, and take gets what they made in
// the order of the file, one at a time. What work is given is valid until take has returned. Of a file that is
// not in its form, or not as long as the manifest says, a *dossier.Fault is returned.
func stream[R any](ctx context.Context, v *verification, name string, work func(lines) R, take func(R) error) error {
	v.read[name] = true
	in, err := v.pkg.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	type job struct {
		lines
		done chan R
	}
	inOrder, toDo := make(chan job, v.o.Workers), make(chan job)
	room := make(chan []byte, 2*v.o.Workers+2)
	group, ctx := errgroup.WithContext(ctx)
	total := 0
	group.Go(func() error {
		defer close(inOrder)
		defer close(toDo)
		return cut(name, in, room, func(l lines) error {
			j := job{l, make(chan R, 1)}
			total = l.first + bytes.Count(l.b, []byte{'\n'}) - 1
			for _, c := range []chan job{inOrder, toDo} {
				select {
				case c <- j:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return nil
		})
	})
	for range v.o.Workers {
		group.Go(func() error {
			for j := range toDo {
				j.done <- work(j.lines)
			}
			return nil
		})
	}
	group.Go(func() error {
		for j := range inOrder {
			select {
			case r := <-j.done:
				if err := take(r); err != nil {
					return err
				}
			case <-ctx.Done():
				return ctx.Err()
			}
			select {
			case room <- j.b[:0]:
			default:
			}
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		return err
	}
	if path.Dir(name) == "data" {
		if said, ok := v.pkg.Manifest.Counts[name]; !ok || said != total {
			v.problem(name, "it has %d lines, and the manifest says %d", total, said)
		}
	}
	return nil
}

// cut reads whole lines in pieces.
func cut(name string, in io.Reader, room chan []byte, give func(lines) error) error {
	next := func() []byte {
		select {
		case b := <-room:
			return b
		default:
			return make([]byte, 0, piece+dossier.MaxLine)
		}
	}
	b, number := next(), 1
	for {
		n, err := in.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		ended := errors.Is(err, io.EOF)
		if err != nil && !ended {
			return err
		}
		if !ended && len(b) < piece {
			continue
		}
		end := bytes.LastIndexByte(b, '\n') + 1
		if len(b)-end > dossier.MaxLine || end == 0 && len(b) > dossier.MaxLine {
			return &dossier.Fault{Where: name, What: fmt.Sprintf("a line behind line %d is longer than %d bytes", number-1, dossier.MaxLine)}
		}
		if ended && end < len(b) {
			return &dossier.Fault{Where: name, What: "its last line does not end"}
		}
		if end > 0 {
			rest := append(next(), b[end:]...)
			l := lines{b[:end], number}
			number += bytes.Count(l.b, []byte{'\n'})
			if err := give(l); err != nil {
				return err
			}
			b = rest
		}
		if ended {
			return nil
		}
	}
}

// eachLine reads a file of lines that need no work of many, and calls take with each.
func (v *verification) eachLine(ctx context.Context, name string, take func(line []byte, number int) error) error {
	return stream(ctx, v, name, func(l lines) lines { return l }, func(l lines) (err error) {
		l.each(func(line []byte, n int) {
			if err == nil && len(line) > dossier.MaxLine {
				err = &dossier.Fault{Where: place(name, n), What: "it is too long"}
			}
			if err == nil {
				err = take(line, n)
			}
		})
		return err
	})
}
