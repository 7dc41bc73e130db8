package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
)

// Listen binds a TCP address written as host:port, :port or port, or the fallback where it is empty.
// Without a host it is 127.0.0.1: other machines come in only where an address that they can reach is
// given in so many words. An error is one line that names the flag to use.
func Listen(ctx context.Context, address, fallback, flag string) (net.Listener, error) {
	if address == "" {
		address = fallback
	}
	if !strings.Contains(address, ":") {
		address = ":" + address
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%s %s: write host:port, such as %s", flag, address, fallback)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	var c net.ListenConfig
	l, err := c.Listen(ctx, "tcp", net.JoinHostPort(host, port))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("port %s on %s is taken: stop what uses it, or choose another with %s (0 for any free one)", port, host, flag)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("port %s on %s is not for this user: choose one above 1023 with %s (0 for any free one)", port, host, flag)
	case err != nil:
		return nil, fmt.Errorf("cannot listen on %s: %w; choose another address with %s", net.JoinHostPort(host, port), err, flag)
	}
	return l, nil
}
