package evidence

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/smallstep/pkcs7"

	"mingjian/collector/seal"
)

// A time stamp (RFC 3161) says that a checkpoint existed at a moment, by somebody else's clock. The notary
// asks an authority for one where it has one, and keeps it beside the log: stamps/SIZE.tsr, and the
// checkpoint that it is over as stamps/SIZE.checkpoint. The log itself then says which stamps there are.

const (
	// stampsDir is below the log's directory.
	stampsDir = "stamps"
	// stampEvery is the least time between two stamps: an authority's service may have a price.
	stampEvery = time.Hour
	// stampLook is how often it is looked whether one is due, and so how soon an authority that was away is
	// asked again.
	stampLook = time.Minute
	// stampPatience is how long an authority may take.
	stampPatience = 20 * time.Second
	// maxStamp bounds an answer; with a long chain of certificates one has some ten kilobytes.
	maxStamp = 1 << 20
)

// TypeStamp is the type of the log's entry about a stamp, and KeyStamp what its key begins with; behind it
// stands the size of the log that was stamped.
const (
	TypeStamp = "checkpoint.stamped"
	KeyStamp  = "stamp:"
)

// StampBody is what the log says of a stamp.
type StampBody struct {
	Checkpoint seal.Hash `json:"checkpoint"` // SHA-256 of stamps/SIZE.checkpoint
	Response   seal.Hash `json:"response"`   // SHA-256 of stamps/SIZE.tsr
	Size       uint64    `json:"size"`
}

// Stamp is a stamped checkpoint as it is kept.
type Stamp struct {
	Size       uint64
	Checkpoint []byte // the signed note
	Response   []byte // TimeStampResp, DER
}

// Body is what the log says of it.
func (s *Stamp) Body() StampBody {
	return StampBody{Checkpoint: sha256.Sum256(s.Checkpoint), Response: sha256.Sum256(s.Response), Size: s.Size}
}

// StampPath is where the stamp of a log of a size is, below the log's directory.
func StampPath(size uint64) string { return filepath.Join(stampsDir, fmt.Sprintf("%d.tsr", size)) }

func stampedPath(size uint64) string {
	return filepath.Join(stampsDir, fmt.Sprintf("%d.checkpoint", size))
}

// Stamped lists the sizes of the log that have a stamp.
func (l *Log) Stamped() ([]uint64, error) {
	files, err := os.ReadDir(filepath.Join(l.dir, stampsDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list time stamps: %w", err)
	}
	var out []uint64
	for _, f := range files {
		name, ok := strings.CutSuffix(f.Name(), ".tsr")
		if size, err := strconv.ParseUint(name, 10, 64); ok && err == nil {
			out = append(out, size)
		}
	}
	slices.Sort(out)
	return out, nil
}

// Stamp reads a stamp.
func (l *Log) Stamp(size uint64) (s Stamp, err error) {
	s.Size = size
	if s.Response, err = os.ReadFile(filepath.Join(l.dir, StampPath(size))); err == nil {
		s.Checkpoint, err = os.ReadFile(filepath.Join(l.dir, stampedPath(size)))
	}
	if err != nil {
		return s, fmt.Errorf("read a time stamp: %w", err)
	}
	return s, nil
}

// stampLoop has checkpoints stamped until ctx ends.
func (n *Notary) stampLoop(ctx context.Context) {
	for wait := time.Duration(0); ; wait = stampLook {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		if err := n.Stamp(ctx); err != nil && ctx.Err() == nil {
			n.logger.WarnContext(ctx, "the evidence log's checkpoint has no time stamp; trying again", "error", err)
		}
	}
}

// Stamp has the newest checkpoint stamped, if the authority was not asked within the hour and the log has
// grown since, and states in the log which stamps there are.
func (n *Notary) Stamp(ctx context.Context) error {
	sizes, err := n.Stamped()
	if err != nil {
		return err
	}
	keys := make([]string, len(sizes))
	for i, size := range sizes {
		keys[i] = fmt.Sprint(size)
	}
	missing, err := n.missing(ctx, KeyStamp, keys)
	if err != nil {
		return err
	}
	var entries []Entry
	for i, size := range sizes {
		if !missing[keys[i]] {
			continue
		}
		s, err := n.Log.Stamp(size)
		if err != nil {
			return err
		}
		entries = append(entries, Entry{Key: KeyStamp + keys[i], Type: TypeStamp, At: n.store.Now(), Body: s.Body()})
	}
	if err := n.queue(ctx, entries); err != nil || n.authority == "" {
		return err
	}
	c, err := n.Log.Checkpoint(ctx)
	if err != nil {
		return err
	}
	if len(sizes) > 0 {
		newest, err := n.Log.Stamp(sizes[len(sizes)-1])
		if err != nil {
			return err
		}
		t, err := CheckStamp(newest.Checkpoint, newest.Response, nil)
		if err != nil {
			return err
		}
		// An entry about the stamp itself is no growth, or each hour would bring a stamp of the last one's.
		if c.Size <= newest.Size+1 || n.store.Now().Sub(t.At) < stampEvery {
			return nil
		}
	}
	if c.Size == 0 {
		return nil
	}
	response, err := n.ask(ctx, c.Note)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(n.dir, stampsDir), 0o700); err != nil {
		return fmt.Errorf("keep a time stamp: %w", err)
	}
	if err := keepBytes(filepath.Join(n.dir, stampedPath(c.Size)), c.Note, 0o644); err != nil {
		return fmt.Errorf("keep a time stamp: %w", err)
	}
	if err := keepBytes(filepath.Join(n.dir, StampPath(c.Size)), response, 0o644); err != nil {
		return fmt.Errorf("keep a time stamp: %w", err)
	}
	s := Stamp{Size: c.Size, Checkpoint: c.Note, Response: response}
	return n.queue(ctx, []Entry{{Key: KeyStamp + fmt.Sprint(c.Size), Type: TypeStamp, At: n.store.Now(), Body: s.Body()}})
}

// ask gets a stamp over a checkpoint from the authority (RFC 3161, 3.4: over HTTP).
func (n *Notary) ask(ctx context.Context, checkpoint []byte) ([]byte, error) {
	var random [8]byte
	rand.Read(random[:]) // never fails
	nonce := new(big.Int).SetUint64(binary.BigEndian.Uint64(random[:]))
	digest := sha256.Sum256(checkpoint)
	request, err := asn1.Marshal(stampRequest{
		Version: 1, Imprint: imprint{Algorithm: pkix.AlgorithmIdentifier{Algorithm: oidSHA256, Parameters: asn1.NullRawValue}, Digest: digest[:]},
		Nonce: nonce, Certificates: true,
	})
	if err != nil {
		return nil, fmt.Errorf("ask for a time stamp: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, stampPatience)
	defer cancel()
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, n.authority, bytes.NewReader(request))
	if err != nil {
		return nil, fmt.Errorf("ask for a time stamp: %w", err)
	}
	post.Header.Set("Content-Type", "application/timestamp-query")
	answer, err := http.DefaultClient.Do(post)
	if err != nil {
		return nil, fmt.Errorf("ask for a time stamp: %w", err)
	}
	defer answer.Body.Close()
	response, err := io.ReadAll(io.LimitReader(answer.Body, maxStamp))
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("the authority answers %s", answer.Status)
	}
	if err != nil {
		return nil, fmt.Errorf("ask for a time stamp: %w", err)
	}
	t, err := CheckStamp(checkpoint, response, nil)
	if err == nil && (t.nonce == nil || t.nonce.Cmp(nonce) != 0) {
		err = errors.New("it answers another question: the nonce differs")
	}
	if err != nil {
		return nil, fmt.Errorf("ask for a time stamp: %w", err)
	}
	return response, nil
}

// Stamping is what a checked stamp says.
type Stamping struct {
	At    time.Time // by the authority's clock
	By    string    // the subject of the certificate that signed
	nonce *big.Int
}

// CheckStamp checks a TimeStampResp over a checkpoint: that it was granted, is over these bytes, and is
// signed by a certificate for time stamping. Whether that certificate is anybody's is checked where roots are
// given; without them, only whoever knows the certificate can tell.
func CheckStamp(checkpoint, response []byte, roots *x509.CertPool) (s Stamping, err error) {
	defer func() {
		if r := recover(); r != nil { // the parser of signatures reads what anybody may have put there
			err = fmt.Errorf("time stamp: not readable: %v", r)
		}
		if err != nil {
			s = Stamping{}
		}
	}()
	var answer stampResponse
	if rest, err := asn1.Unmarshal(response, &answer); err != nil {
		return s, fmt.Errorf("time stamp: %w", err)
	} else if len(rest) > 0 {
		return s, errors.New("time stamp: something stands behind it")
	}
	if answer.Status.Status > grantedWithMods {
		return s, fmt.Errorf("time stamp: refused with status %d %q", answer.Status.Status, answer.Status.Text)
	}
	signed, err := pkcs7.Parse(answer.Token.FullBytes)
	if err != nil {
		return s, fmt.Errorf("time stamp: %w", err)
	}
	var info stampInfo
	if _, err := asn1.Unmarshal(signed.Content, &info); err != nil {
		return s, fmt.Errorf("time stamp: %w", err)
	}
	digest := sha256.Sum256(checkpoint)
	if !info.Imprint.Algorithm.Algorithm.Equal(oidSHA256) || !bytes.Equal(info.Imprint.Digest, digest[:]) {
		return s, errors.New("time stamp: it is over something else")
	}
	signer := signed.GetOnlySigner()
	if signer == nil || !slices.Contains(signer.ExtKeyUsage, x509.ExtKeyUsageTimeStamping) {
		return s, errors.New("time stamp: not signed by one certificate for time stamping")
	}
	if err := signed.Verify(); err != nil {
		return s, fmt.Errorf("time stamp: %w", err)
	}
	if roots != nil {
		between := x509.NewCertPool()
		for _, c := range signed.Certificates {
			between.AddCert(c)
		}
		if _, err := signer.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: info.At, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}}); err != nil {
			return s, fmt.Errorf("time stamp: %w", err)
		}
	}
	return Stamping{At: info.At.UTC(), By: signer.Subject.String(), nonce: info.Nonce}, nil
}

var (
	oidSHA256 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	_         = crypto.SHA256 // pkcs7 looks hashes up
)

// grantedWithMods is the highest PKIStatus of an answer that has a token (RFC 3161, 2.4.2).
const grantedWithMods = 1

// imprint is a MessageImprint (RFC 3161, 2.4.1).
type imprint struct {
	Algorithm pkix.AlgorithmIdentifier
	Digest    []byte
}

// stampRequest is a TimeStampReq (RFC 3161, 2.4.1).
type stampRequest struct {
	Version      int
	Imprint      imprint
	Policy       asn1.ObjectIdentifier `asn1:"optional"`
	Nonce        *big.Int              `asn1:"optional"`
	Certificates bool                  `asn1:"optional,default:false"`
}

// stampResponse is a TimeStampResp (RFC 3161, 2.4.2).
type stampResponse struct {
	Status struct {
		Status  int
		Text    []string       `asn1:"optional,utf8"`
		Failure asn1.BitString `asn1:"optional"`
	}
	Token asn1.RawValue `asn1:"optional"`
}

// stampInfo is a TSTInfo (RFC 3161, 2.4.2).
type stampInfo struct {
	Version  int
	Policy   asn1.ObjectIdentifier
	Imprint  imprint
	Serial   *big.Int
	At       time.Time `asn1:"generalized"`
	Accuracy struct {
		Seconds int `asn1:"optional"`
		Millis  int `asn1:"optional,tag:0"`
		Micros  int `asn1:"optional,tag:1"`
	} `asn1:"optional"`
	Ordering   bool             `asn1:"optional,default:false"`
	Nonce      *big.Int         `asn1:"optional"`
	TSA        asn1.RawValue    `asn1:"optional,explicit,tag:0"`
	Extensions []pkix.Extension `asn1:"optional,tag:1"`
}
