package console

import (
	"html/template"

	"mingjian/audit/fund"
)

// fundChart is the balance per day: what is available, and on top of it what is set aside or being paid.
type fundChart struct {
	Days  []fundDay
	Most  template.HTML // what the highest column stands for
	Below int           // where the threshold is, counted from above; -1 for none in the picture
	Rows  []fundDayRow  // of the table behind: the first day, and those on which something moved
}

// fundDay is one day. The drawing is chartWidth wide and chartHeight high.
type fundDay struct {
	Day             string
	X, Width        int
	Height, HeldTop int
	Held            int
	Low             bool
	Says            template.HTML
}

// Top is where the available part begins, counted from above.
func (d fundDay) Top() int { return chartHeight - d.Height }

// fundDayRow is a day of the table.
type fundDayRow struct {
	Day                                    string
	Available, Reserved, Paying, Paid, Off template.HTML
}

// chartFund draws the days; nil where there are none.
func chartFund(l *language, days []fund.Day, f fund.Balance) *fundChart {
	if len(days) == 0 {
		return nil
	}
	most := max(1, f.LowBelow)
	for _, d := range days {
		most = max(most, d.Available+d.Reserved+d.Paying)
	}
	c := &fundChart{Below: -1, Most: l.money(most, f.Currency)}
	// Shares of amounts near 2^53 do not fit into an integer times the height.
	share := func(n int64) int { return int(float64(n) / float64(most) * chartHeight) }
	if f.LowBelow > 0 {
		c.Below = chartHeight - share(f.LowBelow)
	}
	for i, d := range days {
		left, right := i*chartWidth/len(days), (i+1)*chartWidth/len(days)
		all := share(d.Available + d.Reserved + d.Paying)
		v := fundDay{Day: d.Day, X: left, Width: max(1, (right-left)*4/5), Height: share(d.Available), HeldTop: chartHeight - all, Low: d.Available < f.LowBelow, Says: template.HTML(plain(l.money(d.Available, f.Currency)))}
		if d.Available > 0 {
			v.Height = max(1, v.Height)
		}
		v.Held = max(0, all-v.Height)
		c.Days = append(c.Days, v)
		if i == 0 || d.Amounts != days[i-1].Amounts {
			m := func(n int64) template.HTML { return l.money(n, f.Currency) }
			c.Rows = append(c.Rows, fundDayRow{d.Day, m(d.Available), m(d.Reserved), m(d.Paying), m(d.Paid), m(d.WrittenOff)})
		}
	}
	return c
}

// First, Middle and Last are the days that are named below the chart.
func (c fundChart) First() fundDay { return c.Days[0] }

// Middle is the day in the middle.
func (c fundChart) Middle() fundDay { return c.Days[len(c.Days)/2] }

// Last is today.
func (c fundChart) Last() fundDay { return c.Days[len(c.Days)-1] }
