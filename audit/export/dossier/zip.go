package dossier

import (
	"encoding/binary"
	"fmt"
	"math"
)

// A package is a zip (PKWARE APPNOTE 6.3) of which nothing is left to choose: entries stand in the order of the
// manifest without a byte between them, and the zip's own fields say what the manifest says. So whoever has the
// manifest and the packed bytes can write the zip again, and compare.
//
//	local header, packed bytes, data descriptor   of every file: deflated, and written in one go
//	local header, bytes                           of manifest.json and of manifest.sig: stored, sizes in front
//	central directory, end records
//
// Every entry has the same time, the first that the format knows: a zip's time is a local one and proves nothing.

// entry is what the zip's directory says of a file.
type entry struct {
	name         string
	stored       bool // not deflated; its sizes stand in its local header
	crc          uint32
	packed, size int64
	offset       int64 // of the local header
}

// Signatures of the records (APPNOTE 4.3.7, 4.3.9.3, 4.3.12, 4.3.14 to 4.3.16), and their lengths.
const (
	localSignature      = 0x04034b50
	descriptorSignature = 0x08074b50
	directorySignature  = 0x02014b50
	end64Signature      = 0x06064b50
	locatorSignature    = 0x07064b50
	endSignature        = 0x06054b50

	localLength     = 30 // without the name
	directoryLength = 46 // without name and extra field
	end64Length     = 56
	locatorLength   = 20
	endLength       = 22
	extraLength     = 4  // head of an extra field
	mostExtra       = 28 // a zip64 extra field with all three values
)

// What every entry has in common (APPNOTE 4.4).
const (
	version20    = 20     // needed for deflate
	version45    = 45     // needed for zip64
	flagsUTF8    = 0x0800 // the name is UTF-8
	flagsStream  = 0x0808 // and a data descriptor follows
	methodStored = 0
	methodPacked = 8          // deflate
	firstMoment  = 0x00210000 // 1980-01-01 00:00:00
	zip64Extra   = 1
	limit32      = math.MaxUint32 // a value that does not fit stands elsewhere, and this in its place
	limit16      = math.MaxUint16
)

// wide reports whether a size does not fit into 32 bits.
func (e *entry) wide() bool { return e.packed >= limit32 || e.size >= limit32 }

func (e *entry) version() uint16 {
	if e.wide() || e.offset >= limit32 {
		return version45
	}
	return version20
}

// head is what local header and directory have in common.
func (e *entry) head(b []byte, version uint16, crc uint32, packed, size int64) []byte {
	flags, method := uint16(flagsStream), uint16(methodPacked)
	if e.stored {
		flags, method = flagsUTF8, methodStored
	}
	le := binary.LittleEndian
	b = le.AppendUint16(b, version)
	b = le.AppendUint16(b, flags)
	b = le.AppendUint16(b, method)
	b = le.AppendUint32(b, firstMoment)
	b = le.AppendUint32(b, crc)
	b = le.AppendUint32(b, capped(packed))
	b = le.AppendUint32(b, capped(size))
	return le.AppendUint16(b, uint16(len(e.name)))
}

func capped(n int64) uint32 { return uint32(min(n, limit32)) }

// local appends the local header. A deflated entry's is written before anything of it is known.
func (e *entry) local(b []byte) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(b, localSignature)
	if e.stored {
		b = e.head(b, version20, e.crc, e.packed, e.size) // a manifest never needs zip64
	} else {
		b = e.head(b, version20, 0, 0, 0)
	}
	b = le.AppendUint16(b, 0)
	return append(b, e.name...)
}

func (e *entry) localLength() int64 { return localLength + int64(len(e.name)) }

// descriptor appends what follows a deflated entry's bytes; nothing for a stored one.
func (e *entry) descriptor(b []byte) []byte {
	if e.stored {
		return b
	}
	le := binary.LittleEndian
	b = le.AppendUint32(b, descriptorSignature)
	b = le.AppendUint32(b, e.crc)
	if e.wide() {
		return le.AppendUint64(le.AppendUint64(b, uint64(e.packed)), uint64(e.size))
	}
	return le.AppendUint32(le.AppendUint32(b, uint32(e.packed)), uint32(e.size))
}

func (e *entry) descriptorLength() int64 {
	switch {
	case e.stored:
		return 0
	case e.wide():
		return 24
	}
	return 16
}

// after is where the next entry begins.
func (e *entry) after() int64 { return e.offset + e.localLength() + e.packed + e.descriptorLength() }

// directory appends the entry's record in the central directory.
func (e *entry) directory(b []byte) []byte {
	le := binary.LittleEndian
	var extra []byte
	if e.size >= limit32 {
		extra = le.AppendUint64(extra, uint64(e.size))
	}
	if e.packed >= limit32 {
		extra = le.AppendUint64(extra, uint64(e.packed))
	}
	if e.offset >= limit32 {
		extra = le.AppendUint64(extra, uint64(e.offset))
	}
	if len(extra) > 0 {
		head := le.AppendUint16(le.AppendUint16(nil, zip64Extra), uint16(len(extra)))
		extra = append(head, extra...)
	}
	b = le.AppendUint32(b, directorySignature)
	b = le.AppendUint16(b, e.version()) // made by: the same, on no particular system
	b = e.head(b, e.version(), e.crc, e.packed, e.size)
	b = le.AppendUint16(b, uint16(len(extra)))
	b = append(b, make([]byte, 2+2+2+4)...) // comment, disk, attributes inside and outside
	b = le.AppendUint32(b, capped(e.offset))
	return append(append(b, e.name...), extra...)
}

// readDirectory reads one record of the central directory and returns how long it is. That its bytes are those
// which directory would write is for the caller to see.
func readDirectory(b []byte) (e entry, n int, err error) {
	le := binary.LittleEndian
	if len(b) < directoryLength || le.Uint32(b) != directorySignature {
		return entry{}, 0, fmt.Errorf("no entry begins there")
	}
	names, extras := int(le.Uint16(b[28:])), int(le.Uint16(b[30:]))
	n = directoryLength + names + extras
	if extras > mostExtra || len(b) < n {
		return entry{}, 0, fmt.Errorf("an entry is cut off or holds what does not belong there")
	}
	e = entry{
		name: string(b[directoryLength : directoryLength+names]), stored: le.Uint16(b[10:]) == methodStored, crc: le.Uint32(b[16:]),
		packed: int64(le.Uint32(b[20:])), size: int64(le.Uint32(b[24:])), offset: int64(le.Uint32(b[42:])),
	}
	extra := b[n-extras : n]
	if len(extra) >= extraLength {
		extra = extra[extraLength:]
	}
	for _, v := range []*int64{&e.size, &e.packed, &e.offset} {
		if *v == limit32 && len(extra) >= 8 {
			if *v = int64(le.Uint64(extra)); *v < 0 {
				return entry{}, 0, fmt.Errorf("an entry has a size of more than 63 bits")
			}
			extra = extra[8:]
		}
	}
	return e, n, nil
}

// ending appends the end records of a directory of so many entries.
func ending(b []byte, entries int, offset, length int64) []byte {
	le := binary.LittleEndian
	if entries >= limit16 || offset >= limit32 || length >= limit32 {
		b = le.AppendUint32(b, end64Signature)
		b = le.AppendUint64(b, end64Length-12) // of what follows
		b = le.AppendUint16(le.AppendUint16(b, version45), version45)
		b = append(b, make([]byte, 4+4)...) // disks
		b = le.AppendUint64(le.AppendUint64(b, uint64(entries)), uint64(entries))
		b = le.AppendUint64(le.AppendUint64(b, uint64(length)), uint64(offset))
		b = le.AppendUint32(b, locatorSignature)
		b = le.AppendUint32(b, 0) // disk
		b = le.AppendUint64(b, uint64(offset+length))
		b = le.AppendUint32(b, 1) // disks
	}
	b = le.AppendUint32(b, endSignature)
	b = append(b, make([]byte, 2+2)...) // disks
	n := uint16(min(entries, limit16))
	b = le.AppendUint16(le.AppendUint16(b, n), n)
	b = le.AppendUint32(le.AppendUint32(b, capped(length)), capped(offset))
	return le.AppendUint16(b, 0) // comment
}
