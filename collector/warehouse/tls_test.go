package warehouse_test

import (
	"crypto/tls"
	"strings"
	"testing"

	"mingjian/collector/warehouse"
	"mingjian/deploy/embedded/clickhouse/clickhousetest"
	"mingjian/deploy/embedded/tlstest"
)

// Rows go in and come out over HTTPS, and a server that somebody else signed for is not spoken to.
func TestTheRecordIsReachedOverHTTPS(t *testing.T) {
	server, a := clickhousetest.Lend(t), tlstest.NewAuthority(t)
	o := options(server)
	o.Addr, o.TLS = server.OverTLS(t, a), a.Trusting()
	store, err := warehouse.Connect(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.Write(t.Context(), &warehouse.Batch{Interactions: []warehouse.Interaction{{Tenant: "t", SessionID: "s", EventID: "e", At: 1}}}); err != nil {
		t.Fatal(err)
	}
	if events, err := store.Events(t.Context(), "t", "s"); err != nil || len(events) != 1 {
		t.Errorf("Events = %d, %v; want the one event", len(events), err)
	}
	for name, tc := range map[string]struct {
		change func(*warehouse.Options)
		want   string
	}{
		"signed by another": {func(o *warehouse.Options) { o.TLS = tlstest.NewAuthority(t).Trusting() }, "--clickhouse-ca"},
		"by another name": {func(o *warehouse.Options) {
			o.TLS = a.Trusting()
			o.TLS.ServerName = "ch-1"
		}, "write the name that stands there"},
		"this machine knows none":    {func(o *warehouse.Options) { o.TLS = nil }, "--clickhouse-ca"},
		"in the clear":               {func(o *warehouse.Options) { o.Addr = strings.Replace(o.Addr, "https", "http", 1) }, "asks for no TLS"},
		"native in the clear":        {func(o *warehouse.Options) { o.Addr, o.TLS = strings.Replace(o.Addr, "https", "clickhouse", 1), nil }, "?secure=true"},
		"TLS to who has none":        {func(o *warehouse.Options) { o.Addr = strings.Replace(server.URL, "http", "https", 1) }, "speaks no TLS"},
		"native TLS to who has none": {func(o *warehouse.Options) { o.Addr = strings.Replace(server.URL, "http", "clickhouse", 1) + "?secure" }, "speaks no TLS"},
		"a password in the address":  {func(o *warehouse.Options) { o.Addr = "clickhouse://127.0.0.1:1?password=" + server.Password }, "?secure=true"},
		"misspelt":                   {func(o *warehouse.Options) { o.Addr = "clickhouse://127.0.0.1:1?secur=true" }, "?secure=true"},
		"not for HTTP":               {func(o *warehouse.Options) { o.Addr = "http://127.0.0.1:1?secure=true" }, "?secure=true"},
		"switched off, it seems":     {func(o *warehouse.Options) { o.Addr = "clickhouse://127.0.0.1:1?secure=false" }, "?secure=true"},
	} {
		t.Run(name, func(t *testing.T) {
			o := o
			tc.change(&o)
			store, err := warehouse.Connect(t.Context(), o)
			if err == nil {
				store.Close()
				t.Fatal("connected")
			}
			if !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), server.Password) {
				t.Errorf("error %q, want one line with %q and no password", err, tc.want)
			}
		})
	}
}

// The native protocol is spoken inside TLS too. What answers is no ClickHouse, so that it is looked at
// what such a server would be told first.
func TestTheNativeProtocolIsSpokenInsideTLS(t *testing.T) {
	a := tlstest.NewAuthority(t)
	for _, asked := range []string{"?secure=true", "?secure"} {
		listener, err := tls.Listen("tcp", "127.0.0.1:0", a.Serving(false))
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		told := make(chan string, 1)
		go func() {
			defer close(told)
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			hello := make([]byte, 64)
			n, _ := conn.Read(hello) // nothing, where the handshake fails
			told <- string(hello[:n])
		}()
		store, err := warehouse.Connect(t.Context(), warehouse.Options{Addr: "clickhouse://" + listener.Addr().String() + asked, User: "u", TLS: a.Trusting()})
		if err == nil {
			store.Close()
			t.Error("connected to who says nothing")
		}
		listener.Close()
		if said := <-told; !strings.HasPrefix(said, "\x00") || !strings.Contains(said, "mingjian") {
			t.Errorf("inside TLS the server was told %q, and no hello of ours", said)
		}
	}
}
