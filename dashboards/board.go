package dashboards

// text is one text in both editions.
type text struct{ zh, en string }

func (t text) in(e Edition) string {
	if e == English {
		return t.en
	}
	return t.zh
}

// board describes a dashboard. Its first row is what needs attention.
type board struct {
	uid          string // without the edition
	title, about text
	from         string // where its time range begins by default, as Grafana writes it
	rows         []row
}

type row struct {
	title  text
	panels []panel
}

// kind is how a panel shows its numbers.
type kind string

const (
	figure kind = "stat"       // one number
	rows   kind = "table"      // rows with links
	lines  kind = "timeseries" // over time
	bars   kind = "barchart"   // by a name
)

// panel describes one panel.
type panel struct {
	key          string // names it within its board
	kind         kind
	title, about text
	rules        []string // whose clauses the description names
	sql          string
	width        uint32 // of 24
	height       uint32
	unit         string // Grafana's id of it; "" for a plain count
	decimals     *float64
	steps        []step // colours by value
	limit        bool   // draw the last step as a line
	stacked      bool
	columns      []column // in a table: what its columns are
	links        []link   // from its figures; every panel has one
	empty        text     // shown where there is nothing
	// filled: the demo has something to show here, so that nothing means that the query is wrong.
	filled bool
}

// step is a colour from a value on; the first one has no value.
type step struct {
	from  float64
	color string
}

// The colours have a meaning, the same on all boards.
const (
	fine  = "green"
	watch = "orange"
	wrong = "red"
	plain = "blue"
)

// anyWrong colours a count of which every one is wrong.
var anyWrong = []step{{color: fine}, {1, wrong}}

// anyWatched colours a count of which every one is to be looked at.
var anyWatched = []step{{color: fine}, {1, watch}}

// counted colours a count that is neither good nor bad.
var counted = []step{{color: plain}}

// atMost colours what must not go over a limit.
func atMost(limit float64) []step { return []step{{color: fine}, {limit, wrong}} }

// atLeast colours what must not fall below a limit.
func atLeast(limit float64) []step { return []step{{color: wrong}, {limit, fine}} }

// column describes a column of a table.
type column struct {
	name   string // in the query
	title  text
	unit   string
	width  float64
	words  map[string]text // what its values are called
	links  []link
	hidden bool // there for links only
}

// link leads from a figure to what is behind it.
type link struct {
	title text
	url   string
}
