package session

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// anyState is a state with anything in any field, whether or not a fold could come to it.
func anyState(seed uint64) *State {
	random := rand.New(rand.NewPCG(seed, 0))
	s := new(State)
	fill(random, reflect.ValueOf(&s.at).Elem())
	v := reflect.ValueOf(s).Elem()
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.IsExported() && f.Name != "Seen" {
			fill(random, v.Field(i))
		}
	}
	s.Revision = []string{"", "4f2a", "4F2A", "4f2", "of today", strings.Repeat("0a", 32), strings.Repeat("0a", 100)}[random.IntN(7)]
	for i := range random.IntN(2 * maxYoung) {
		s.Seen.add(fmt.Sprint(random.Uint64()), s.Last-int64(i))
	}
	return s
}

func fill(random *rand.Rand, v reflect.Value) {
	if random.IntN(3) == 0 {
		return // zero, or nil
	}
	numbers := []int64{1, -1, 127, 128, 1_772_426_646_642, math.MaxInt64, math.MinInt64, int64(random.Uint64())}
	switch n := numbers[random.IntN(len(numbers))]; v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(n)
	case reflect.Uint8, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(n) & (1<<v.Type().Bits() - 1))
	case reflect.Float64:
		v.SetFloat([]float64{1, -0.25, math.Inf(1), math.SmallestNonzeroFloat64}[random.IntN(4)])
	case reflect.String:
		v.SetString([]string{"e1", "e2", "客户", "\xff", strings.Repeat("x", 300), fmt.Sprint(random.Uint64())}[random.IntN(6)])
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(random, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), random.IntN(4), 4))
		for i := range v.Len() {
			fill(random, v.Index(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(random, v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range random.IntN(4) {
			key, one := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(random, key)
			fill(random, one)
			v.SetMapIndex(key, one)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(random, v.Field(i))
		}
	}
}

// Whatever stands in whichever field comes back, also that a list is empty and not nil; and what
// comes back is written as it was.
func TestSnapshotKeepsEveryField(t *testing.T) {
	for seed := range uint64(300) {
		s := anyState(seed)
		data, err := s.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var read State
		if err := read.UnmarshalBinary(data); err != nil {
			t.Fatalf("state %d: %v", seed, err)
		}
		again, err := read.MarshalBinary()
		if err != nil || !bytes.Equal(again, data) {
			t.Fatalf("state %d is written in two ways: %v\n%q\n%q", seed, err, data, again)
		}
		if s.Seen.count() > maxYoung {
			s.Seen = Seen{old: s.Seen.sorted()} // where they lie says nothing
		}
		if !reflect.DeepEqual(s, &read) {
			t.Fatalf("state %d differs\nwritten %+v\nread    %+v", seed, s, &read)
		}
	}
}

// A new state is little more than its names: what a session does not have takes no room.
func TestSnapshotOfLittle(t *testing.T) {
	s := New("session-1", "")
	s.Revision = strings.Repeat("0a", 32)
	s.Facts.Opened, s.Newest.At, s.Now, s.Due = start, start, start, start+IdleClose
	data, err := s.MarshalBinary()
	if err != nil || len(data) > 100 {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	s.Facts.Bot.First, s.Facts.Bot.Third, s.Facts.Bot.Unlabelled = strings.Repeat("e", 36), strings.Repeat("e", 36), strings.Repeat("e", 36)
	more, err := s.MarshalBinary()
	if err != nil || len(more)-len(data) > 50 {
		t.Errorf("one event named by three facts takes %d bytes, %v", len(more)-len(data), err)
	}
}

func TestSnapshotOfAnotherVersion(t *testing.T) {
	data, err := anyState(1).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	other, fields := bytes.Clone(data), bytes.Clone(data)
	other[0]--
	fields[1] ^= 1
	for _, data := range [][]byte{nil, {snapshotVersion}, []byte("\x03{}"), other, fields} {
		s := New("s", "")
		if err := s.UnmarshalBinary(data); err == nil {
			t.Errorf("%q was taken for a snapshot", data)
		}
	}
}

// Fields by another name, in another order or of another type are another layout.
func TestDigest(t *testing.T) {
	digests := map[uint32]reflect.Type{}
	for _, one := range []any{
		struct{ A, B int }{}, struct{ B, A int }{}, struct{ A, C int }{}, struct{ A, B int64 }{}, struct{ A, B string }{},
		struct{ A struct{ B int } }{}, struct{ A *struct{ B int } }{}, struct{ A []struct{ B int } }{}, struct{ A [2]struct{ B int } }{},
		struct{ A map[string]int }{}, struct{ A map[string]bool }{}, struct {
			A struct{}
			B int
		}{},
	} {
		d := digest(reflect.TypeOf(one))
		if was, ok := digests[d]; ok {
			t.Errorf("%v and %T have the same digest", was, one)
		}
		digests[d] = reflect.TypeOf(one)
	}
}

// Damaged bytes are an error. Where the checksum is right all the same they are an error or another state; never
// a panic, and never more memory than a small multiple of them.
func TestDamagedSnapshot(t *testing.T) {
	s := anyState(7)
	s.Seen = Seen{}
	for i := range 5 {
		s.Seen.add(fmt.Sprint("e", i), int64(i))
	}
	data, err := s.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	reads := 0
	read := func(data []byte) error {
		reads++
		var s State
		err := s.UnmarshalBinary(data)
		if err != nil && !reflect.ValueOf(s).IsZero() {
			t.Fatal("an error left something behind")
		}
		return err
	}
	sealed := func(data []byte) []byte {
		data = append(bytes.Clone(data), make([]byte, max(headBytes-len(data), 0))...)
		seal(data)
		return data
	}
	for i := range data {
		if read(data[:i]) == nil {
			t.Fatalf("the first %d of %d bytes were taken for a snapshot", i, len(data))
		}
		for _, wrong := range []byte{0, 1, 0x7f, 0x80, 0xff} {
			damaged := bytes.Clone(data)
			damaged[i] = wrong
			if read(damaged) == nil && data[i] != wrong {
				t.Fatalf("byte %d of %d may be any", i, len(data))
			}
			_ = read(sealed(damaged))
		}
		if i >= headBytes && read(sealed(data[:i])) == nil {
			t.Fatalf("the first %d of %d bytes were taken for a snapshot", i, len(data))
		}
		_ = read(sealed(binary.AppendUvarint(bytes.Clone(data[:i]), math.MaxUint64)))
	}
	if read(sealed(append(bytes.Clone(data), 0))) == nil {
		t.Error("a byte too many was not seen")
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / uint64(reads); each > uint64(100*len(data)) {
		t.Errorf("%d bytes of memory for %d of snapshot", each, len(data))
	}
}

func FuzzSnapshot(f *testing.F) {
	for seed := range uint64(8) {
		data, err := anyState(seed).MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data[headBytes:])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var s, again State
		given := append(make([]byte, headBytes), body...)
		seal(given)
		if s.UnmarshalBinary(given) != nil {
			return
		}
		data, err := s.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if err := again.UnmarshalBinary(data); err != nil {
			t.Fatalf("what was written of a state that was read cannot be read: %v", err)
		}
		if data2, err := again.MarshalBinary(); err != nil || !bytes.Equal(data, data2) {
			t.Fatalf("a state is written in two ways: %v\n%q\n%q", err, data, data2)
		}
	})
}
