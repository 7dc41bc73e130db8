package verify

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mingjian/audit/export/dossier"
	"mingjian/collector/seal"
)

// row is a line of data/interactions.jsonl. Its leaf is over the very bytes that its fields were read from, so
// that nothing more is to be asked of their form: other bytes have another leaf, and names that stand twice are
// refused in reading.
type row struct {
	leaf      seal.Hash
	offset    int64
	at        int64
	partition int
	session   sessionKey
	erasure   string // of an erased row, which has neither partition nor session
	erased    bool
	outside   bool   // only its moment is told: it has neither partition nor session
	entry     []byte // in the line
	line      int
	problem   string
}

// rows reads lines of interactions.
func (v *verification) rows(l lines) []row {
	out := make([]row, 0, bytes.Count(l.b, []byte{'\n'}))
	p := rowParser{topic: v.pkg.Manifest.Topic, seed: v.o.Seed}
	l.each(func(line []byte, n int) {
		r, err := p.parse(line)
		if r.line = n; err != nil {
			r.problem = err.Error()
		}
		out = append(out, r)
	})
	return out
}

// rowParser reads rows without making values of what is only hashed.
type rowParser struct {
	topic   string
	seed    uint64
	decoder *jsontext.Decoder
	buffer  bytes.Buffer
	salt    [seal.SaltSize]byte
}

// parse reads a line.
func (p *rowParser) parse(line []byte) (r row, err error) {
	if len(line) > dossier.MaxLine {
		return row{}, fmt.Errorf("it is too long")
	}
	p.buffer = *bytes.NewBuffer(line)
	if p.decoder == nil {
		p.decoder = jsontext.NewDecoder(&p.buffer)
	} else {
		p.decoder.Reset(&p.buffer)
	}
	d := p.decoder
	var commitment seal.Hash
	var salt []byte
	var erased *dossier.Erased
	var outside *dossier.Outside
	err = members(d, func(name []byte) error {
		switch string(name) {
		case `"entry"`:
			if d.PeekKind() != '{' {
				return fmt.Errorf("its entry is no object")
			}
			var from int64
			if from, err = p.entry(d, &r); err == nil {
				r.entry = line[from:d.InputOffset()]
			}
			return err
		case `"commitment"`, `"salt"`:
			text, err := plain(d)
			if err != nil {
				return err
			}
			if string(name) == `"salt"` {
				if len(text) != 2*seal.SaltSize {
					return fmt.Errorf("a salt is %d hexadecimal digits", 2*seal.SaltSize)
				}
				salt = p.salt[:]
				_, err = hex.Decode(salt, text)
				return err
			}
			return commitment.UnmarshalText(text)
		case `"erased"`:
			value, err := d.ReadValue()
			if err != nil {
				return err
			}
			erased = new(dossier.Erased)
			return json.Unmarshal(value, erased, json.RejectUnknownMembers(true))
		case `"outside"`:
			value, err := d.ReadValue()
			if err != nil {
				return err
			}
			outside = new(dossier.Outside)
			return json.Unmarshal(value, outside, json.RejectUnknownMembers(true))
		}
		return fmt.Errorf("it has a member %s", name)
	})
	if err != nil {
		return row{}, err
	}
	if rest := line[d.InputOffset():]; len(rest) > 0 {
		return row{}, fmt.Errorf("something stands behind it")
	}
	switch {
	case outside != nil:
		if r.entry != nil || salt != nil || commitment != (seal.Hash{}) || erased != nil {
			return row{}, fmt.Errorf("only its moment is told, and it is there")
		}
		return row{leaf: seal.MomentLeaf(outside.At, outside.Digest), offset: outside.Offset, at: outside.At, outside: true}, nil
	case erased != nil:
		if r.entry != nil || salt != nil || commitment != (seal.Hash{}) {
			return row{}, fmt.Errorf("it is said to be erased, and is there")
		}
		return row{leaf: erased.Leaf, offset: erased.Offset, erased: true, erasure: erased.Erasure}, nil
	case r.entry == nil || salt == nil:
		return row{}, fmt.Errorf("it has no entry or no salt")
	}
	r.leaf = seal.MomentLeaf(r.at, seal.RowDigest(salt, r.entry, commitment))
	return r, nil
}

// members calls fn behind the name of each member of the object that comes next.
func members(d *jsontext.Decoder, fn func(name []byte) error) error {
	if t, err := d.ReadToken(); err != nil {
		return err
	} else if t.Kind() != '{' {
		return fmt.Errorf("it is no object")
	}
	for d.PeekKind() != '}' {
		name, err := d.ReadValue()
		if err != nil {
			return err
		}
		if err := fn(name); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

// plain reads a string that has no escapes: hexadecimal digits, a name of ours.
func plain(d *jsontext.Decoder) ([]byte, error) {
	value, err := d.ReadValue()
	if err != nil {
		return nil, err
	}
	if len(value) < 2 || value[0] != '"' || bytes.IndexByte(value, '\\') >= 0 {
		return nil, fmt.Errorf("%s is not as it must be", brief(value))
	}
	return value[1 : len(value)-1], nil
}

func brief(b []byte) []byte { return b[:min(len(b), 40)] }

// entry reads a row's entry and returns where it begins in the line.
func (p *rowParser) entry(d *jsontext.Decoder, r *row) (from int64, err error) {
	const (
		hasOffset = 1 << iota
		hasPartition
		hasTopic
		hasSession
		hasDisposition
		all = 1<<iota - 1
	)
	has, first := 0, true
	err = members(d, func(name []byte) error {
		if first {
			from, first = d.InputOffset()-int64(len(name))-1, false
		}
		var err error
		switch string(name) {
		case `"offset"`:
			has |= hasOffset
			r.offset, err = integer(d)
		case `"partition"`:
			has |= hasPartition
			var n int64
			n, err = integer(d)
			r.partition = int(n)
		case `"at"`:
			r.at, err = integer(d)
		case `"topic"`:
			has |= hasTopic
			return is(d, p.topic)
		case `"disposition"`:
			has |= hasDisposition
			return is(d, string(seal.Stored))
		case `"session_id"`:
			has |= hasSession
			value, err := d.ReadValue()
			if err != nil {
				return err
			}
			if value.Kind() != '"' {
				return fmt.Errorf("its session_id is no text")
			}
			r.session, err = keyOf(p.seed, value)
			return err
		default:
			return d.SkipValue()
		}
		return err
	})
	if err == nil && has != all {
		err = fmt.Errorf("its entry lacks what every row has")
	}
	return from, err
}

func integer(d *jsontext.Decoder) (int64, error) {
	value, err := d.ReadValue()
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(string(value), 10, 64)
}

// is reads a string that must be a certain one.
func is(d *jsontext.Decoder, want string) error {
	value, err := d.ReadValue()
	if err != nil {
		return err
	}
	text, err := jsontext.AppendUnquote(nil, value)
	if err != nil || string(text) != want {
		return fmt.Errorf("it has %s where %q must be", brief(value), want)
	}
	return nil
}

// rowCursor holds rows against the seals, in their order.
type rowCursor struct {
	v      *verification
	next   int // index of the seal
	run    int // of the seal's runs
	lines  int // taken of the run
	tree   seal.Tree
	leaves []seal.Hash // where the group is one run of lines
	last   int64       // offset of the newest row
	from   int64       // of the rows' ts
	to     int64
	erased int
	wrong  bool // the seal has a problem already
}

// readRows reads the interactions.
func (v *verification) readRows(ctx context.Context) error {
	c := &rowCursor{v: v, next: -1}
	c.advance()
	if err := stream(ctx, v, dossier.InteractionsFile, v.rows, func(some []row) error {
		for i := range some {
			c.take(&some[i])
		}
		return nil
	}); err != nil {
		return err
	}
	for c.next < len(v.seals) {
		c.missing()
		c.advance()
	}
	for _, t := range v.sessions {
		if t.rows > 0 {
			v.out.Counts.Sessions++
		}
	}
	return nil
}

// advance goes on to the next seal that has lines, checking those over on the way.
func (c *rowCursor) advance() {
	for c.next++; c.next < len(c.v.seals); c.next++ {
		s := &c.v.seals[c.next]
		c.run, c.lines, c.tree, c.leaves, c.last, c.erased, c.wrong = 0, 0, seal.Tree{}, c.leaves[:0], s.first-1, 0, false
		c.from, c.to = 0, 0
		c.skip()
		if c.run < len(s.rows) {
			return
		}
		if len(s.rows) > 0 {
			c.close()
		}
	}
}

// skip takes runs of leaves that are not shown.
func (c *rowCursor) skip() {
	s := &c.v.seals[c.next]
	for ; c.run < len(s.rows) && s.rows[c.run].Skip != nil; c.run++ {
		c.flush()
		if err := c.tree.Skip(*s.rows[c.run].Skip); err != nil && !c.wrong {
			c.wrong = true
			c.v.problem(place(dossier.SealsFile, s.line), "%s: leaves that are not shown cannot be those of its rows: %v", s, err)
		}
	}
}

// flush moves leaves into the tree, which takes skipped ones too and is slower.
func (c *rowCursor) flush() {
	for _, leaf := range c.leaves {
		c.tree.Append(leaf)
	}
	c.leaves = c.leaves[:0]
}

// close compares the root of a seal whose rows are all there.
func (c *rowCursor) close() {
	s := &c.v.seals[c.next]
	if c.wrong {
		return
	}
	root, shown := seal.Root(c.leaves), len(c.leaves)
	if len(s.rows) > 1 || shown == 0 {
		c.flush()
		root, shown = c.tree.Root(), 0
	}
	switch {
	case root != s.group.InteractionsRoot:
		c.v.problem(dossier.InteractionsFile, "the rows of %s are not those that were sealed", s)
	case shown > 0 && c.erased == 0 && (c.from != s.group.FirstAt || c.to != s.group.LastAt):
		c.v.problem(dossier.InteractionsFile, "the rows of %s are not of the time that it says", s)
	}
}

// missing tells that a seal's rows end too early.
func (c *rowCursor) missing() {
	if s := &c.v.seals[c.next]; !c.wrong {
		_, lines, _ := shown(s.rows)
		taken := c.lines
		for _, r := range s.rows[:c.run] {
			taken += r.Lines
		}
		c.v.problem(dossier.InteractionsFile, "%d of the %d rows of %s are missing", lines-taken, lines, s)
	}
}

// fits reports whether a row can be one of the seal.
func (c *rowCursor) fits(r *row, s *sealed) bool {
	return r.offset >= s.first && r.offset <= s.last && (r.erased || r.outside || r.partition == s.partition)
}

// take holds the next row against its seal.
func (c *rowCursor) take(r *row) {
	v, where := c.v, place(dossier.InteractionsFile, r.line)
	v.out.Counts.Interactions++
	if r.problem != "" {
		v.problem(where, "%s", r.problem)
		// It takes its place, so that those behind it are found in theirs.
		if c.next < len(v.seals) {
			c.wrong = true
			c.count(r)
		}
		return
	}
	for c.next < len(v.seals) && !c.fits(r, &v.seals[c.next]) {
		// Is it of a later seal, or of none?
		at := c.next + 1
		for at < len(v.seals) && (len(v.seals[at].rows) == 0 || !c.fits(r, &v.seals[at])) {
			at++
		}
		if at == len(v.seals) {
			break
		}
		for c.next < at {
			if c.run < len(v.seals[c.next].rows) {
				c.missing()
			}
			c.advance()
		}
	}
	if c.next >= len(v.seals) || !c.fits(r, &v.seals[c.next]) {
		v.problem(where, "the row at offset %d of partition %d is of no seal that has rows left to show", r.offset, r.partition)
		return
	}
	s := &v.seals[c.next]
	if r.offset <= c.last && !c.wrong {
		c.wrong = true
		v.problem(where, "the row at offset %d of partition %d stands behind that at offset %d", r.offset, s.partition, c.last)
	}
	if c.last = r.offset; r.erased {
		v.out.Counts.Erased++
		c.erased++
		if v.out.Counts.Erased <= maxErased {
			v.erased[r.erasure] = append(v.erased[r.erasure], erasedRow{s.partition, r.offset, r.leaf, r.line})
		}
	} else {
		if c.from == 0 && c.to == 0 {
			c.from, c.to = r.at, r.at
		}
		c.from, c.to = min(c.from, r.at), max(c.to, r.at)
		scope := &v.pkg.Manifest.Scope
		switch {
		case !r.outside:
			v.tally(r, c.next)
		case r.at >= scope.From && r.at < scope.To:
			v.problem(where, "the row at offset %d of partition %d lies in the period, and only its moment is told", r.offset, s.partition)
		default:
			v.out.Counts.Outside++
		}
	}
	c.count(r)
}

// count takes a row's leaf.
func (c *rowCursor) count(r *row) {
	s := &c.v.seals[c.next]
	c.leaves = append(c.leaves, r.leaf)
	if c.lines++; c.lines == s.rows[c.run].Lines {
		c.lines = 0
		c.run++
		c.skip()
	}
	if c.run == len(s.rows) {
		c.close()
		c.advance()
	}
}
