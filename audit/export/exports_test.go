package export_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"mingjian/audit/export"
	"mingjian/audit/export/dossier"
	"mingjian/audit/identity"
	"mingjian/audit/store"
	"mingjian/audit/store/storetest"
)

// accounts are those that there are, without their ids.
type accounts map[string]identity.Account

func (a accounts) Get(ctx context.Context, id string) (identity.Account, error) {
	k, ok := a[id]
	if who, _ := identity.From(ctx); !ok || !who.May(identity.ManagePeople) {
		return k, identity.ErrNoAccount
	}
	k.ID = id
	return k, nil
}

// desk is exports whose packages are made by the test.
type desk struct {
	t    *testing.T
	db   *store.DB
	dir  string
	now  time.Time
	make func(ctx context.Context, w io.Writer, r export.Request) error
	kept accounts
	*export.Exports
}

func newDesk(t *testing.T, dsn string) *desk {
	regulator := identity.Account{Roles: []identity.Role{identity.Regulator}}
	d := &desk{kept: accounts{"cac-7": regulator, "cac-8": regulator, "cac-9": regulator}, t: t, dir: filepath.Join(t.TempDir(), "exports"), now: time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)}
	d.make = func(_ context.Context, w io.Writer, r export.Request) error {
		_, err := fmt.Fprintf(w, "the package of %s", r.Scope.Tenant)
		return err
	}
	var err error
	if d.db, err = store.Open(t.Context(), dsn, store.Options{Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return d.now }}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.db.Close() })
	d.again()
	return d
}

// again is the program started anew.
func (d *desk) again() {
	d.t.Helper()
	var err error
	d.Exports, err = export.New(d.t.Context(), export.Options{
		Store: d.db, Dir: d.dir, Accounts: d.kept, Every: 5 * time.Millisecond, Now: func() time.Time { return d.now }, Log: slog.New(slog.DiscardHandler),
		Make: func(ctx context.Context, w io.Writer, r export.Request, progress func(export.Progress)) (*export.Made, error) {
			progress(export.Progress{Phase: "interactions", Done: 1, Total: 2})
			if err := d.make(ctx, w, r); err != nil {
				return nil, err
			}
			return &export.Made{Manifest: dossier.Manifest{ID: "pkg-1", LogSize: 7, Scope: r.Scope}, Interactions: 2}, nil
		},
	})
	if err != nil {
		d.t.Fatal(err)
	}
}

// running runs the making until the returned function is called.
func (d *desk) running() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	x := d.Exports
	go func() {
		defer close(ended)
		if err := x.Run(ctx); err != nil {
			d.t.Error(err)
		}
	}()
	return func() { cancel(); <-ended }
}

func as(id string, roles ...identity.Role) context.Context {
	return identity.With(context.Background(), identity.Principal{ID: id, Roles: roles})
}

func of(tenant string, at time.Time) export.Request {
	return export.Request{Purpose: "an inspection", Scope: dossier.Scope{Tenant: tenant, From: at.Add(-48 * time.Hour).UnixMilli(), To: at.UnixMilli()}}
}

// until waits for a state.
func (d *desk) until(id string, want export.State) export.Export {
	d.t.Helper()
	for end := time.Now().Add(within); ; time.Sleep(2 * time.Millisecond) {
		e, err := d.Get(as("root", identity.Admin), id)
		if err != nil {
			d.t.Fatal(err)
		}
		if e.State == want {
			return e
		}
		if time.Now().After(end) {
			d.t.Fatalf("it is %s and not %s: %+v", e.State, want, e)
		}
	}
}

func (d *desk) actions(id string) (out []string) {
	d.t.Helper()
	if err := d.db.Read(context.Background(), func(tx *store.Tx) error {
		list, err := tx.Journal(context.Background(), "export:"+id)
		for _, e := range list {
			out = append(out, e.Action+" by "+e.Actor)
		}
		return err
	}); err != nil {
		d.t.Fatal(err)
	}
	return out
}

func TestAPackageIsMadeIssuedTakenAndRemoved(t *testing.T) {
	storetest.OnEach(t, aPackageIsMadeIssuedTakenAndRemoved)
}

func aPackageIsMadeIssuedTakenAndRemoved(t *testing.T, dsn string) {
	d := newDesk(t, dsn)
	stop := d.running()
	defer func() { stop() }()
	officer, regulator, stranger := as("officer", identity.Officer), as("cac-7", identity.Regulator), as("cac-8", identity.Regulator)
	e, err := d.Start(officer, of("acme", d.now))
	if err != nil {
		t.Fatal(err)
	}
	e = d.until(e.ID, export.Done)
	if e.Size != int64(len("the package of acme")) || len(e.SHA256) != 64 || e.Package != "pkg-1" || e.At != 7 {
		t.Errorf("made %+v", e)
	}
	if info, err := os.Stat(filepath.Join(d.dir, e.ID+".zip")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info, err)
	}
	// A regulator has what was issued to them, and nothing else.
	see := func(who context.Context) int {
		page, err := d.List(who, export.Query{Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		return len(page.Items)
	}
	if _, _, err := d.Open(regulator, e.ID); !errors.Is(err, export.ErrNotFound) || see(regulator) != 0 {
		t.Errorf("before it is issued: %v, %d listed", err, see(regulator))
	}
	if _, err := d.Issue(officer, e.ID, "cac-7", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Issue(officer, e.ID, "cac-8", ""); err == nil {
		t.Error("it was issued to a second one")
	}
	f, _, err := d.Open(regulator, e.ID)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(f)
	f.Close()
	if string(b) != "the package of acme" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := d.Get(stranger, e.ID); !errors.Is(err, export.ErrNotFound) || see(stranger) != 0 || see(regulator) != 1 {
		t.Errorf("another regulator: %v, %d listed", err, see(stranger))
	}
	// Nor has another tenant's officer.
	foreign := identity.With(context.Background(), identity.Principal{ID: "f", Roles: []identity.Role{identity.Officer}, Tenants: []string{"other"}})
	if _, err := d.Get(foreign, e.ID); !errors.Is(err, export.ErrNotFound) || see(foreign) != 0 {
		t.Errorf("another tenant: %v", err)
	}
	if _, err := d.Start(foreign, of("acme", d.now)); !errors.Is(err, export.ErrNotFound) {
		t.Errorf("another tenant asks: %v", err)
	}
	// The file goes when its time is over; that it was there is still known.
	stop()
	d.now = d.now.Add(export.DefaultKeep + time.Minute)
	stop = d.running()
	d.until(e.ID, export.Expired)
	if _, err := os.Stat(filepath.Join(d.dir, e.ID+".zip")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is there still: %v", err)
	}
	if _, _, err := d.Open(regulator, e.ID); err == nil || errors.Is(err, export.ErrNotFound) {
		t.Errorf("after it expired: %v", err)
	}
	want := "export.requested by officer, export.made by system, export.issued by officer, export.downloaded by cac-7, export.expired by system"
	if got := strings.Join(d.actions(e.ID), ", "); got != want {
		t.Errorf("the journal has\n%s, and not\n%s", got, want)
	}
	var entries int
	if err := d.db.Read(t.Context(), func(tx *store.Tx) error {
		return tx.QueryRowContext(t.Context(), `SELECT count(*) FROM evidence_entries WHERE key = $1`, "export/"+e.ID+"/issued").Scan(&entries)
	}); err != nil || entries != 1 {
		t.Errorf("%d entries for the log, %v", entries, err)
	}
}

func TestAnExportIsStoppedTakenUpAgainAndFails(t *testing.T) {
	storetest.OnEach(t, anExportIsStoppedTakenUpAgainAndFails)
}

func anExportIsStoppedTakenUpAgainAndFails(t *testing.T, dsn string) {
	d := newDesk(t, dsn)
	officer := as("officer", identity.Officer)
	begun := make(chan struct{}, 8)
	d.make = func(ctx context.Context, w io.Writer, _ export.Request) error {
		begun <- struct{}{}
		fmt.Fprint(w, "half")
		<-ctx.Done()
		return ctx.Err()
	}
	start := func() export.Export {
		e, err := d.Start(officer, of("acme", d.now))
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	stop := d.running()
	stopped := start()
	<-begun
	waiting := start()
	if e := d.until(stopped.ID, export.Running); e.Progress.Total != 2 {
		t.Errorf("progress %+v", e.Progress)
	}
	if _, err := d.Cancel(officer, stopped.ID, "not needed"); err != nil {
		t.Fatal(err)
	}
	d.until(stopped.ID, export.Cancelled)
	<-begun // the next one is being made when the program ends
	d.until(waiting.ID, export.Running)
	stop()
	if parts, _ := filepath.Glob(filepath.Join(d.dir, "*")); len(parts) != 0 {
		t.Errorf("left behind: %v", parts)
	}
	if err := os.WriteFile(filepath.Join(d.dir, "exp-killed.part"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d.make = func(_ context.Context, w io.Writer, r export.Request) error {
		if r.Scope.Tenant == "broken" {
			return errors.New("the record does not hold what was sealed")
		}
		_, err := fmt.Fprint(w, "whole")
		return err
	}
	d.again()
	stop = d.running()
	defer stop()
	if e := d.until(waiting.ID, export.Done); e.Size != 5 {
		t.Errorf("taken up again: %+v", e)
	}
	if _, err := os.Stat(filepath.Join(d.dir, "exp-killed.part")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what a killed program left is there still: %v", err)
	}
	broken, err := d.Start(officer, of("broken", d.now))
	if err != nil {
		t.Fatal(err)
	}
	if e := d.until(broken.ID, export.Failed); !strings.Contains(e.Problem, "does not hold what was sealed") {
		t.Errorf("failed with %q", e.Problem)
	}
	for _, bad := range []func(*export.Request){
		func(r *export.Request) { r.Purpose = " " }, func(r *export.Request) { r.Scope.To = r.Scope.From }, func(r *export.Request) { r.Scope.Tenant = "" },
		func(r *export.Request) { r.Scope.Sessions = []string{""} },
	} {
		r := of("acme", d.now)
		bad(&r)
		var refusal *export.Refusal
		if _, err := d.Start(officer, r); !errors.As(err, &refusal) {
			t.Errorf("%+v: %v", r, err)
		}
	}
}

func TestRoutesAnswer(t *testing.T) {
	storetest.OnEach(t, routesAnswer)
}

func routesAnswer(t *testing.T, dsn string) {
	d := newDesk(t, dsn)
	defer d.running()()
	mux := http.NewServeMux()
	at := identity.Mounting{Mux: mux, API: humago.New(mux, huma.DefaultConfig("test", "1")), Log: slog.New(slog.DiscardHandler)}
	for _, r := range d.Routes() {
		r.Handler.Mount(r, at)
	}
	ask := func(who context.Context, method, path, body string) (int, string, http.Header) {
		req := httptest.NewRequestWithContext(who, method, path, strings.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, req)
		return w.Code, w.Body.String(), w.Header()
	}
	officer, regulator := as("officer", identity.Officer), as("cac-7", identity.Regulator)
	status, body, _ := ask(officer, "POST", "/api/v1/exports", `{"tenant":"acme","from":"2026-10-01T00:00:00+08:00","to":"2026-10-02T00:00:00+08:00","purpose":"an inspection","issued_to":"cac-7"}`)
	var e export.Export
	if err := json.Unmarshal([]byte(body), &e); status != 200 || err != nil {
		t.Fatalf("%d %s", status, body)
	}
	d.until(e.ID, export.Done)
	if status, body, h := ask(regulator, "GET", "/api/v1/issued/"+e.ID+"/file", ""); status != 200 || body != "the package of acme" || h.Get("Content-Type") != "application/zip" {
		t.Errorf("%d %q %v", status, body, h)
	}
	for _, c := range []struct {
		who          context.Context
		method, path string
		body         string
		want         int
	}{
		{officer, "GET", "/api/v1/exports?state=done", "", 200},
		{regulator, "GET", "/api/v1/issued", "", 200},
		{officer, "GET", "/api/v1/exports/exp-none", "", 404},
		{officer, "POST", "/api/v1/exports/" + e.ID + "/cancel", "", 409},
		{officer, "POST", "/api/v1/exports/" + e.ID + "/issue", `{"issued_to":"cac-9"}`, 409},
		{officer, "POST", "/api/v1/exports", `{"tenant":"acme","from":"2026-10-02T00:00:00Z","to":"2026-10-01T00:00:00Z","purpose":"x"}`, 422},
		{as("cac-8", identity.Regulator), "GET", "/api/v1/issued/" + e.ID, "", 404},
	} {
		if status, body, _ := ask(c.who, c.method, c.path, c.body); status != c.want {
			t.Errorf("%s %s: %d and not %d: %s", c.method, c.path, status, c.want, body)
		}
	}
}

func TestWhoeverSeesSomeLinesOnlyHasNoPackageOfTheWholeTenant(t *testing.T) {
	d := newDesk(t, filepath.Join(t.TempDir(), "state.db"))
	defer d.running()()
	officer := as("officer", identity.Officer)
	e, err := d.Start(officer, of("acme", d.now))
	if err != nil {
		t.Fatal(err)
	}
	d.until(e.ID, export.Done)
	bound := identity.With(context.Background(), identity.Principal{ID: "loans", Roles: []identity.Role{identity.Officer}, Tenants: []string{"acme"}, Lines: []string{"loans"}})
	page, err := d.List(bound, export.Query{Limit: 10})
	if err != nil || len(page.Items) != 0 {
		t.Errorf("listed %+v, %v", page.Items, err)
	}
	if _, err := d.Get(bound, e.ID); !errors.Is(err, export.ErrNotFound) {
		t.Errorf("read: %v", err)
	}
	if _, _, err := d.Open(bound, e.ID); !errors.Is(err, export.ErrNotFound) {
		t.Errorf("downloaded: %v", err)
	}
	if _, err := d.Issue(bound, e.ID, "cac-7", ""); !errors.Is(err, export.ErrNotFound) {
		t.Errorf("issued: %v", err)
	}
	if _, err := d.Cancel(bound, e.ID, "x"); !errors.Is(err, export.ErrNotFound) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestAPackageIsIssuedOnlyToAnAccountThatMayTakeIt(t *testing.T) {
	d := newDesk(t, filepath.Join(t.TempDir(), "state.db"))
	defer d.running()()
	regulator := []identity.Role{identity.Regulator}
	d.kept["viewer"] = identity.Account{Roles: []identity.Role{identity.Viewer}}
	d.kept["left"] = identity.Account{Roles: regulator, Disabled: true}
	d.kept["elsewhere"] = identity.Account{Roles: regulator, Tenants: []string{"other"}}
	d.kept["in part"] = identity.Account{Roles: regulator, Lines: []string{"loans"}}
	d.kept["of acme"] = identity.Account{Roles: regulator, Tenants: []string{"acme"}}
	officer := as("officer", identity.Officer)
	e, err := d.Start(officer, of("acme", d.now))
	if err != nil {
		t.Fatal(err)
	}
	d.until(e.ID, export.Done)
	for _, to := range []string{"nobody", "viewer", "left", "elsewhere", "in part"} {
		r := of("acme", d.now)
		r.IssuedTo = to
		_, asked := d.Start(officer, r)
		_, given := d.Issue(officer, e.ID, to, "")
		for _, err := range []error{asked, given} {
			var no *export.Refusal
			if !errors.As(err, &no) || no.Conflict || !strings.Contains(no.Text, fmt.Sprintf("cannot be issued to %q", to)) {
				t.Errorf("to %s: %v", to, err)
			}
		}
	}
	if _, err := d.Issue(officer, e.ID, "of acme", ""); err != nil {
		t.Fatal(err)
	}
	// What they may is asked again when they come for it.
	for tenant, may := range map[string]bool{"acme": true, "other": false} {
		who := identity.With(context.Background(), identity.Principal{ID: "of acme", Roles: regulator, Tenants: []string{tenant}})
		f, _, err := d.Open(who, e.ID)
		if err == nil {
			f.Close()
		}
		page, listed := d.List(who, export.Query{Issued: true, Limit: 10})
		if may != (err == nil) || listed != nil || may != (len(page.Items) == 1) {
			t.Errorf("a regulator of %s: %v, listed %d, %v", tenant, err, len(page.Items), listed)
		}
	}
	if _, _, err := d.Open(as("of acme", identity.Viewer), e.ID); !errors.Is(err, export.ErrNotFound) {
		t.Errorf("a regulator no longer: %v", err)
	}
}
