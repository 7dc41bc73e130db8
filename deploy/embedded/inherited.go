package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"time"
)

const (
	childEnv   = "MINGJIAN_CHILD"
	socketFD   = 3 // the first of exec.Cmd.ExtraFiles
	lifelineFD = 4

	// stopPatience is how long a child may take to end in order before it is killed: ClickHouse
	// merges and a broker's log are closed in a few seconds.
	stopPatience = 15 * time.Second
)

// errParentGone is why the context of Inherited ends.
var errParentGone = errors.New("the process that started this one is gone")

// Inherited is where the commands that Run starts get their listener from. In a child it is the
// socket that the parent bound, and the context ends when the parent does, however it does; should
// the process not have ended 15 seconds later, it is ended. Started by a user, it listens on the
// address (as Listen, with the flag --listen) and the context is the one given.
func Inherited(ctx context.Context, listen, fallback string) (context.Context, net.Listener, error) {
	if os.Getenv(childEnv) == "" {
		l, err := Listen(ctx, listen, fallback, "--listen")
		return ctx, l, err
	}
	socket := os.NewFile(socketFD, "socket")
	l, err := net.FileListener(socket)
	socket.Close() // the listener has its own
	if err != nil {
		return nil, nil, fmt.Errorf("%s is set, but there is no inherited socket: unset it to run this command by itself (%w)", childEnv, err)
	}
	lifeline := os.NewFile(lifelineFD, "lifeline")
	ctx, end := context.WithCancelCause(ctx)
	// This goroutine is the process's: it ends with it.
	go func() {
		// Nothing is ever written, so this returns when the last writing end is closed.
		io.Copy(io.Discard, lifeline)
		end(errParentGone)
		time.Sleep(stopPatience)
		slog.Error("this process did not end in order", "reason", errParentGone)
		os.Exit(1)
	}()
	return ctx, l, nil
}
