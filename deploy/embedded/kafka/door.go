package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// maxRequestBytes is the largest request read from a client: Apache Kafka's default
// socket.request.max.bytes. Without it kfake would make room for whatever four bytes announce.
const maxRequestBytes = 104857600

// door is the listener that kfake accepts from. Until open, clients wait in the listener's backlog
// and only connections from within (dialInside) come through. Every connection from outside is read
// through a guard.
type door struct {
	outside net.Listener
	log     *slog.Logger
	conns   chan net.Conn

	ended   chan struct{}
	endOnce sync.Once
	wg      sync.WaitGroup
}

func newDoor(outside net.Listener, log *slog.Logger) *door {
	return &door{outside: outside, log: log, conns: make(chan net.Conn), ended: make(chan struct{})}
}

// open lets clients in; end waits for the goroutine that it starts.
func (d *door) open() {
	d.wg.Go(func() {
		for {
			c, err := d.outside.Accept()
			if err != nil {
				if errors.Is(err, net.ErrClosed) {
					return
				}
				// Out of file descriptors, most likely: others will be closed.
				d.log.Warn("kafka cannot accept a connection", "error", err)
				select {
				case <-time.After(100 * time.Millisecond):
					continue
				case <-d.ended:
					return
				}
			}
			d.pass(&guardedConn{Conn: c, log: d.log})
		}
	})
}

func (d *door) pass(c net.Conn) {
	select {
	case d.conns <- c:
	case <-d.ended:
		c.Close()
	}
}

// dialInside connects to the broker without going through the listener.
func (d *door) dialInside(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case d.conns <- there:
		return here, nil
	case <-d.ended:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (d *door) end() {
	d.Close()
	d.wg.Wait()
}

// Accept implements net.Listener.
func (d *door) Accept() (net.Conn, error) {
	select {
	case c := <-d.conns:
		return c, nil
	case <-d.ended:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (d *door) Close() error {
	d.endOnce.Do(func() {
		close(d.ended)
		d.outside.Close()
	})
	return nil
}

// Addr implements net.Listener; kfake tells it to clients.
func (d *door) Addr() net.Addr { return d.outside.Addr() }

// guardedConn reads requests frame by frame and ends the connection at the first that kfake must not
// see: one that is no Kafka request (kfake would end the process), one larger than a broker takes,
// or DeleteRecords.
type guardedConn struct {
	net.Conn
	log  *slog.Logger
	head []byte // of the current frame, not handed on yet
	rest int    // bytes of the current frame still to come
}

// frameHead is what is looked at: 4 bytes length, 2 bytes request key, 2 bytes version, 4 bytes
// correlation id, and nothing in the protocol is shorter.
const frameHead = 12

// Read implements net.Conn.
func (c *guardedConn) Read(p []byte) (int, error) {
	if len(c.head) == 0 && c.rest == 0 {
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	if len(c.head) > 0 {
		n := copy(p, c.head)
		c.head = c.head[n:]
		return n, nil
	}
	n, err := c.Conn.Read(p[:min(len(p), c.rest)])
	c.rest -= n
	return n, err
}

func (c *guardedConn) next() error {
	head := make([]byte, frameHead)
	if _, err := io.ReadFull(c.Conn, head); err != nil {
		return err
	}
	size := binary.BigEndian.Uint32(head)
	key := int16(binary.BigEndian.Uint16(head[4:]))
	switch {
	case size < frameHead-4 || size > maxRequestBytes || kmsg.RequestForKey(key) == nil:
		return c.refuse("no Kafka request")
	case key == kmsg.DeleteRecords.Int16():
		return c.refuse("DeleteRecords: the broker applies the retention itself")
	}
	c.head, c.rest = head, int(size)-(frameHead-4)
	return nil
}

func (c *guardedConn) refuse(why string) error {
	c.log.Warn("kafka ends a connection", "client", c.RemoteAddr().String(), "reason", why)
	return fmt.Errorf("refused: %s", why)
}
