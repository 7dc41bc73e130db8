package warehouse

import (
	"testing"
	"testing/synctest"
	"time"

	native "github.com/ClickHouse/clickhouse-go/v2/lib/column"
)

// Room is used again by the next insert of the same columns, and goes after a while whether one comes or not.
func TestRoomOfInsertsIsKeptForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := &shape{}
		column := func() []*native.String {
			c, err := native.Type("String").Column("text", nil)
			if err != nil {
				t.Fatal(err)
			}
			return []*native.String{c.(*native.String)}
		}
		first := column()
		in.takeBack(first, in.lend(first))
		time.Sleep(keepRoom / 2)
		ends := in.lend(column())
		if left := time.Until(ends); left != keepRoom/2 {
			t.Errorf("room of an insert half a term ago is kept for %s more", left)
		}
		if in.spare.Load() != nil {
			t.Error("two inserts have the same room")
		}
		in.takeBack(first, ends)
		time.Sleep(keepRoom)
		synctest.Wait()
		if in.spare.Load() != nil {
			t.Error("room is kept although nothing is inserted")
		}
		in.takeBack(first, ends)
		if in.spare.Load() != nil {
			t.Error("room is kept beyond its term")
		}
	})
}
