package evidence_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/smallstep/pkcs7"
	f_note "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"

	"mingjian/audit/evidence"
	"mingjian/audit/store"
)

// authority is a small time-stamping authority (RFC 3161) with a certificate of its own making.
type authority struct {
	t     *testing.T
	key   crypto.Signer
	cert  *x509.Certificate
	now   time.Time
	asked int
	spoil func(info *tstInfo)
}

type tstInfo struct {
	Version int
	Policy  asn1.ObjectIdentifier
	Imprint asn1.RawValue
	Serial  *big.Int
	At      time.Time `asn1:"generalized"`
	Nonce   *big.Int
}

func newAuthority(t *testing.T, usage x509.ExtKeyUsage) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a stamping office"}, NotBefore: at.AddDate(-1, 0, 0), NotAfter: at.AddDate(10, 0, 0),
		ExtKeyUsage: []x509.ExtKeyUsage{usage}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{t: t, key: key, cert: cert, now: at}
}

func (a *authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.asked++
	body, _ := io.ReadAll(r.Body)
	var ask struct {
		Version int
		Imprint asn1.RawValue
		Nonce   *big.Int
		Certs   bool
	}
	if _, err := asn1.Unmarshal(body, &ask); err != nil || r.Header.Get("Content-Type") != "application/timestamp-query" || !ask.Certs {
		a.t.Errorf("asked %x, %v", body, err)
	}
	info := tstInfo{Version: 1, Policy: asn1.ObjectIdentifier{1, 2, 3}, Imprint: ask.Imprint, Serial: big.NewInt(int64(a.asked)), At: a.now, Nonce: ask.Nonce}
	if a.spoil != nil {
		a.spoil(&info)
	}
	content, err := asn1.Marshal(info)
	if err != nil {
		a.t.Error(err)
	}
	signed, err := pkcs7.NewSignedData(content)
	if err != nil {
		a.t.Error(err)
	}
	signed.GetSignedData().ContentInfo.ContentType = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4} // id-ct-TSTInfo
	signed.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	if err := signed.AddSigner(a.cert, a.key, pkcs7.SignerInfoConfig{}); err != nil {
		a.t.Error(err)
	}
	token, err := signed.Finish()
	if err != nil {
		a.t.Error(err)
	}
	answer, err := asn1.Marshal(struct {
		Status struct{ Status int }
		Token  asn1.RawValue
	}{Token: asn1.RawValue{FullBytes: token}})
	if err != nil {
		a.t.Error(err)
	}
	w.Write(answer)
}

func TestCheckpointsAreStampedOnceAnHourWhileTheLogGrows(t *testing.T) {
	a := newAuthority(t, x509.ExtKeyUsageTimeStamping)
	server := httptest.NewServer(a)
	defer server.Close()
	dir, now := t.TempDir(), at
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "a.db"), store.Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	n, err := evidence.Open(t.Context(), dir, evidence.Options{Store: db, Settle: 100 * time.Millisecond, Authority: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	grow := func(i int) {
		t.Helper()
		if _, err := n.Append(t.Context(), entry(i)); err != nil {
			t.Fatal(err)
		}
		if _, err := n.Checkpoint(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	stamp := func(asked int) {
		t.Helper()
		if err := n.Stamp(t.Context()); err != nil {
			t.Fatal(err)
		}
		if a.asked != asked {
			t.Fatalf("asked %d times, want %d", a.asked, asked)
		}
	}
	stamp(0) // an empty log
	grow(0)
	stamp(1)
	if err := n.Flush(t.Context()); err != nil { // the log's own entry about the stamp
		t.Fatal(err)
	}
	now = now.Add(2 * time.Hour)
	stamp(1) // it has not grown since
	grow(1)
	a.now = now
	stamp(2)
	grow(2)
	stamp(2) // within the hour
	sizes, err := n.Stamped()
	if err != nil || len(sizes) != 2 || sizes[0] != 1 {
		t.Fatalf("stamps of sizes %d, %v", sizes, err)
	}
	if err := n.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	kept, err := n.Log.Stamp(sizes[1])
	if err != nil {
		t.Fatal(err)
	}
	said, err := evidence.CheckStamp(kept.Checkpoint, kept.Response, roots)
	if err != nil || !said.At.Equal(now) || said.By != "CN=a stamping office" {
		t.Errorf("%+v, %v", said, err)
	}
	if _, err := evidence.CheckStamp(kept.Checkpoint, kept.Response, x509.NewCertPool()); err == nil {
		t.Error("a stamp of somebody whom nobody knows is taken")
	}
	if _, err := evidence.CheckStamp(append([]byte("x"), kept.Checkpoint...), kept.Response, nil); err == nil {
		t.Error("a stamp over something else is taken")
	}
	// No change of the stamp makes another moment of it, or a crash.
	for bit := range 8 * len(kept.Response) {
		changed := bytes.Clone(kept.Response)
		changed[bit/8] ^= 1 << (bit % 8)
		if other, err := evidence.CheckStamp(kept.Checkpoint, changed, roots); err == nil && !other.At.Equal(said.At) {
			t.Fatalf("bit %d makes %s of it", bit, other.At)
		}
	}
	for _, wrong := range []func(*tstInfo){
		func(i *tstInfo) { i.Nonce = big.NewInt(7) },
		func(i *tstInfo) {
			i.Imprint.FullBytes = bytes.Clone(i.Imprint.FullBytes)
			i.Imprint.FullBytes[len(i.Imprint.FullBytes)-1]++
		},
	} {
		now = now.Add(2 * time.Hour)
		grow(3 + a.asked)
		a.spoil = wrong
		if err := n.Stamp(t.Context()); err == nil {
			t.Error("an answer to another question is taken")
		}
	}
	other := newAuthority(t, x509.ExtKeyUsageServerAuth)
	answer := httptest.NewServer(other)
	defer answer.Close()
	alone, err := evidence.Open(t.Context(), t.TempDir(), evidence.Options{Store: openStore(t, filepath.Join(t.TempDir(), "b.db")), Authority: answer.URL, Settle: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer alone.Close()
	if _, err := alone.Append(t.Context(), entry(0)); err != nil {
		t.Fatal(err)
	}
	if _, err := alone.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := alone.Stamp(t.Context()); err == nil || !strings.Contains(err.Error(), "certificate for time stamping") {
		t.Errorf("signed by a web server's certificate: %v", err)
	}
}

// witness cosigns checkpoints of a log that only grows (C2SP tlog-witness).
type witness struct {
	t      *testing.T
	log    note.Verifier
	signer *f_note.Signer
	mu     sync.Mutex
	away   bool
	size   uint64
	root   []byte
	signed int
}

func (w *witness) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.away {
		http.Error(rw, "away", http.StatusServiceUnavailable)
		return
	}
	body, _ := io.ReadAll(r.Body)
	head, checkpoint, _ := strings.Cut(string(body), "\n\n")
	lines := strings.Split(head, "\n")
	old, err := strconv.ParseUint(strings.TrimPrefix(lines[0], "old "), 10, 64)
	if err != nil || r.URL.Path != "/add-checkpoint" {
		w.t.Errorf("%s %q: %v", r.URL.Path, lines[0], err)
	}
	var hashes [][]byte
	for _, line := range lines[1:] {
		h, err := base64.StdEncoding.DecodeString(line)
		if err != nil {
			w.t.Error(err)
		}
		hashes = append(hashes, h)
	}
	opened, err := note.Open([]byte(checkpoint), note.VerifierList(w.log))
	if err != nil {
		http.Error(rw, err.Error(), http.StatusForbidden)
		return
	}
	says := strings.Split(opened.Text, "\n")
	size, _ := strconv.ParseUint(says[1], 10, 64)
	root, _ := base64.StdEncoding.DecodeString(says[2])
	if old != w.size {
		rw.Header().Set("Content-Type", "text/x.tlog.size")
		rw.WriteHeader(http.StatusConflict)
		fmt.Fprintf(rw, "%d\n", w.size)
		return
	}
	if old > 0 {
		if err := proof.VerifyConsistency(rfc6962.DefaultHasher, old, size, hashes, w.root, root); err != nil {
			http.Error(rw, err.Error(), http.StatusUnprocessableEntity)
			return
		}
	}
	signed, err := note.Sign(&note.Note{Text: opened.Text}, w.signer)
	if err != nil {
		w.t.Error(err)
	}
	w.size, w.root, w.signed = size, root, w.signed+1
	rw.Write(signed[len(opened.Text)+1:])
}

func TestAWitnessCosignsALogThatOnlyGrew(t *testing.T) {
	private, public, err := note.GenerateKey(rand.Reader, "witness.example")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := f_note.NewSignerForCosignatureV1(private)
	if err != nil {
		t.Fatal(err)
	}
	key, err := f_note.VKeyToCosignatureV1(public)
	if err != nil {
		t.Fatal(err)
	}
	w := &witness{t: t, signer: signer}
	server := httptest.NewServer(w)
	defer server.Close()
	dir, db := t.TempDir(), openStore(t, filepath.Join(t.TempDir(), "a.db"))
	openNotary(t, dir, db, nil).Close() // makes the log's key, which the witness must know first
	public2, err := os.ReadFile(filepath.Join(dir, evidence.VerifierFile))
	if err != nil {
		t.Fatal(err)
	}
	if w.log, err = note.NewVerifier(strings.TrimSpace(string(public2))); err != nil {
		t.Fatal(err)
	}
	open := func() *evidence.Notary {
		n, err := evidence.Open(t.Context(), dir, evidence.Options{Store: db, Settle: 100 * time.Millisecond, Witness: evidence.Witness{URL: server.URL, Key: key}})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	n := open()
	grow := func(i int) evidence.Checkpoint {
		t.Helper()
		if _, err := n.Append(t.Context(), entry(i)); err != nil {
			t.Fatal(err)
		}
		c, err := n.Checkpoint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	cosigned := func(c evidence.Checkpoint, want bool) {
		t.Helper()
		when, ok, err := evidence.Cosigned(c, key)
		if err != nil || ok != want || ok && time.Since(when) > time.Hour {
			t.Errorf("a checkpoint of %d entries: cosigned %v at %s, %v", c.Size, ok, when, err)
		}
	}
	cosigned(grow(0), true)
	for i := 1; i < 6; i++ {
		cosigned(grow(i), true)
	}
	// It does not answer: the log goes on without, and the checkpoint says so.
	w.mu.Lock()
	w.away = true
	w.mu.Unlock()
	cosigned(grow(6), false)
	w.mu.Lock()
	w.away = false
	w.mu.Unlock()
	c := grow(7)
	cosigned(c, true)
	// A cosignature over something else is none.
	c.Note = bytes.Replace(c.Note, []byte("\n8\n"), []byte("\n9\n"), 1)
	if _, ok, err := evidence.Cosigned(c, key); ok || err == nil {
		t.Errorf("a changed checkpoint: %v, %v", ok, err)
	}
	// It knew another log by this name: it does not sign.
	w.mu.Lock()
	w.root = bytes.Repeat([]byte{7}, 32)
	w.mu.Unlock()
	cosigned(grow(8), false)
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := evidence.Open(context.Background(), t.TempDir(), evidence.Options{Store: db, Witness: evidence.Witness{URL: "nowhere", Key: key}}); err == nil || !strings.Contains(err.Error(), "is not one") {
		t.Errorf("an address that is none: %v", err)
	}
}
