package seglog

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"path/filepath"
)

// The journal is a sequence of groups. A group is: checksum u32 | length u32, of all of it | generation u64 | number u64 |
// notes. The checksum (CRC32C) covers all that follows it. A group counts if its generation is that of the first group
// of its file: behind the newest group stand those of the file's life before.
const groupHeader = 24

// A note is: kind u8 | length u16 of the path | length u32 of the frames | first u64 | offset u64 | path | frames.
// Little endian.
const noteHeader = 23

type noteKind byte

const (
	framesNote  noteKind = iota + 1 // these frames stand at the offset of the segment
	trimmedNote                     // the segment was unlinked
	removedNote                     // the whole log was
)

type note struct {
	kind   noteKind
	path   string // of the log, below the journal's root
	first  uint64 // names the segment
	offset int64
	frames []byte
}

var errNote = errors.New("not a note of a journal")

// appendNote adds n; frames may be appended after it, and endNote must follow them.
func appendNote(b []byte, n note) []byte {
	b = append(b, byte(n.kind))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(n.path)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(n.frames)))
	b = binary.LittleEndian.AppendUint64(b, n.first)
	b = binary.LittleEndian.AppendUint64(b, uint64(n.offset))
	b = append(b, n.path...)
	return append(b, n.frames...)
}

// endNote makes all that follows the path of the note at start its frames.
func endNote(b []byte, start int) {
	path := int(binary.LittleEndian.Uint16(b[start+1:]))
	binary.LittleEndian.PutUint32(b[start+3:], uint32(len(b)-start-noteHeader-path))
}

func sealGroup(b []byte, generation, number uint64) {
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)))
	binary.LittleEndian.PutUint64(b[8:], generation)
	binary.LittleEndian.PutUint64(b[16:], number)
	binary.LittleEndian.PutUint32(b, crc32.Checksum(b[4:], castagnoli))
}

// journalGroup is a group that was read.
type journalGroup struct {
	generation, number uint64
	size               int64
	notes              []note
}

// decodeGroup reads the group that begins b. Its notes are parts of b.
func decodeGroup(b []byte) (journalGroup, error) {
	if len(b) < groupHeader {
		return journalGroup{}, errShort
	}
	size := groupSize(b)
	if size < groupHeader {
		return journalGroup{}, errNote
	}
	if size > int64(len(b)) {
		return journalGroup{}, errShort
	}
	if crc32.Checksum(b[4:size], castagnoli) != binary.LittleEndian.Uint32(b) {
		return journalGroup{}, errFrame
	}
	g := journalGroup{generation: groupGeneration(b), number: binary.LittleEndian.Uint64(b[16:]), size: size}
	for rest := b[groupHeader:size]; len(rest) > 0; {
		n, length, err := decodeNote(rest)
		if err != nil {
			return journalGroup{}, err
		}
		g.notes, rest = append(g.notes, n), rest[length:]
	}
	return g, nil
}

// groupSize reads the size of the group from the header that begins b.
func groupSize(b []byte) int64 { return int64(binary.LittleEndian.Uint32(b[4:])) }

// groupGeneration reads it of the header that begins b, whole or not.
func groupGeneration(b []byte) uint64 { return binary.LittleEndian.Uint64(b[8:]) }

func decodeNote(b []byte) (n note, length int, err error) {
	if len(b) < noteHeader {
		return note{}, 0, errNote
	}
	path := int(binary.LittleEndian.Uint16(b[1:]))
	frames := int64(binary.LittleEndian.Uint32(b[3:]))
	end := int64(noteHeader+path) + frames
	if end > int64(len(b)) {
		return note{}, 0, errNote
	}
	n = note{
		kind: noteKind(b[0]), path: string(b[noteHeader : noteHeader+path]),
		first: binary.LittleEndian.Uint64(b[7:]), offset: int64(binary.LittleEndian.Uint64(b[15:])),
		frames: b[noteHeader+path : end],
	}
	if n.kind < framesNote || n.kind > removedNote || n.offset < 0 || !filepath.IsLocal(n.path) {
		return note{}, 0, errNote
	}
	return n, int(end), nil
}
