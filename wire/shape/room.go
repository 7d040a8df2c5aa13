package shape

import (
	"math"
	"strconv"

	"drey/wire"
)

// Most is how many elements the list or map of f may have. A decoder that has one more may skip the rest: Validate refuses
// the value in any case, and what it says is the same.
func (f *Field) Most() int {
	if n, err := strconv.Atoi(f.self.max); err == nil {
		return n
	}
	return math.MaxInt - 1
}

// Room is the memory that a decoder may still take for structures and for elements of lists and maps. They are larger than
// the least text of them: without a bound, a body of empty structures takes a hundred times its length.
type Room int64

// What a body gives: more than any that says something needs, since members are sent with their names.
const (
	roomAnyway  = 1 << 20
	roomPerByte = 16
)

// RoomFor is what a body of that length gets.
func RoomFor(body int) Room { return Room(roomAnyway + roomPerByte*body) }

// Take takes room for n values of a type, or refuses the body.
func (r *Room) Take(n int, t *Type) error {
	if *r -= Room(n) * Room(t.Go.Size()); *r < 0 {
		return wire.SerializationException.Errorf("The request body holds too many empty values for its length.")
	}
	return nil
}
