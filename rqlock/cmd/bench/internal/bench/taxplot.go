package bench

import (
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A taxRow is the throughput with resilience divided by that without, in one situation.
type taxRow struct {
	label       string
	mid, lo, hi float64
}

// clamped limits the row to the axis, which a single disturbed run would stretch otherwise.
func (t taxRow) clamped() taxRow {
	clamp := func(x float64) float64 { return min(max(x, taxMin), taxMax) }
	return taxRow{t.label, clamp(t.mid), clamp(t.lo), clamp(t.hi)}
}

const taxMin, taxMax = 0.5, 1.7

// taxPicture shows rqlock's throughput divided by qspin's, and that of the kernel's
// rqspinlock divided by qspinlock's.
func taxPicture(r *Report) (picture, error) {
	pic := picture{name: "tax", title: "What resilience costs", width: 11 * vg.Inch, height: 5.6 * vg.Inch}
	grid := r.gridTax()
	if len(grid) == 0 {
		return pic, nil
	}
	left, err := taxPlot("the grid: rqlock by qspin, medians and "+r.intervalName()+"s", []taxGroup{{rq, grid, styleOf(rq).color, styleOf(rq).shape}})
	if err != nil {
		return pic, err
	}
	groups := []taxGroup{
		{"kernel, x86", kernelTax("x86"), palette[1], draw.SquareGlyph{}},
		{"kernel, arm64", kernelTax("arm64"), palette[3], draw.TriangleGlyph{}},
	}
	if ours := r.ownKernelTax(); len(ours) > 0 {
		groups = slices.Insert(groups, 0, taxGroup{"rqlock by qspin, here", ours, styleOf(rq).color, styleOf(rq).shape})
	}
	right, err := taxPlot("the kernel's benchmarks: mean, worst and best", groups)
	if err != nil {
		return pic, err
	}
	pic.plots = []*plot.Plot{left, right}
	for _, p := range pic.plots { // the same scale in both
		p.X.Min, p.X.Max = min(left.X.Min, right.X.Min), max(left.X.Max, right.X.Max)
	}
	return pic, nil
}

// gridTax has a row for each cell of the grid.
func (r *Report) gridTax() (rows []taxRow) {
	for _, cell := range r.Results.cells("grid") {
		runs := func(lock string) series { return r.Results.runs("grid", cell, lock, nsPerOp) }
		s := runs(qs).by(runs(rq)) // of times, so it is the inverse of the throughputs' ratio
		if len(s) == 0 || field(cell, "g") == "1" {
			continue
		}
		label := fmt.Sprintf("procs %s: %s x %s/%s ns", field(cell, "procs"), field(cell, "g"), field(cell, "in"), field(cell, "out"))
		lo, hi := s.interval()
		rows = append(rows, taxRow{label, s.median(), lo, hi})
	}
	return rows
}

// kernelTax has a row for each published table.
func kernelTax(arch string) (rows []taxRow) {
	for _, b := range kernelBenches {
		p := publishedTable(b.name, arch)
		rows = append(rows, taxRow{b.name, p.geomean, p.worst, p.best})
	}
	return rows
}

// ownKernelTax has the same rows for the benchmarks here.
func (r *Report) ownKernelTax() (rows []taxRow) {
	for _, b := range kernelBenches {
		if s := r.kernelRatios(b.name); measured(s) {
			rows = append(rows, taxRow{b.name, geomean(s), slices.Min(s), slices.Max(s)})
		}
	}
	return rows
}

// A taxGroup is rows of the same origin.
type taxGroup struct {
	name  string
	rows  []taxRow
	color color.Color
	shape draw.GlyphDrawer
}

// taxPlot plots each row as a line from its worst to its best, with a point at its middle.
// Rows of different groups with the same index are drawn side by side.
func taxPlot(title string, groups []taxGroup) (*plot.Plot, error) {
	p := newPlot(title, "throughput with resilience / without (1: costs nothing)", "")
	n := len(groups[0].rows)
	labels := make([]string, n)
	for gi, g := range groups {
		t := taxDots{XYs: make(plotter.XYs, len(g.rows)), XErrors: make(plotter.XErrors, len(g.rows))}
		for i, row := range g.rows {
			labels[n-1-i] = row.label // the first at the top
			row = row.clamped()
			t.XYs[i] = plotter.XY{X: row.mid, Y: float64(n-1-i) + 0.22*(float64(len(groups)-1)/2-float64(gi))}
			t.XErrors[i].Low, t.XErrors[i].High = row.mid-row.lo, row.hi-row.mid
		}
		if err := t.add(p, g); err != nil {
			return nil, err
		}
	}
	p.Add(verticalAt(1))
	p.NominalY(labels...)
	p.Y.Min, p.Y.Max = -0.7, float64(n)-0.3
	p.Y.Tick.Label.Font.Size = vg.Points(8)
	p.X.Min, p.X.Max = min(p.X.Min, 0.9), max(p.X.Max, 1.1)
	p.X.Tick.Marker = tenths{}
	if len(groups) == 1 {
		p.Legend = plot.NewLegend()
	} else {
		p.Legend.Top, p.Legend.Padding = true, vg.Points(3)
		p.Legend.TextStyle.Font.Size = vg.Points(9)
		p.Y.Max += 0.7 // room for it
	}
	return p, nil
}

// taxDots are points with their ranges.
type taxDots struct {
	plotter.XYs
	plotter.XErrors
}

func (t taxDots) add(p *plot.Plot, g taxGroup) error {
	dots, err := plotter.NewScatter(t.XYs)
	if err != nil {
		return err
	}
	dots.Color, dots.Shape, dots.Radius = g.color, g.shape, vg.Points(3)
	ranges, err := plotter.NewXErrorBars(t)
	if err != nil {
		return err
	}
	ranges.Color, ranges.CapWidth = g.color, vg.Points(4)
	p.Add(ranges, dots)
	p.Legend.Add(g.name, dots)
	return nil
}

// tenths ticks multiples of 0.1, and labels as many as there is room for.
type tenths struct{}

func (tenths) Ticks(lo, hi float64) (ts []plot.Tick) {
	every := max(1, math.Ceil((hi-lo)*10/9))
	for k := math.Ceil(lo * 10); k <= hi*10; k++ {
		t := plot.Tick{Value: k / 10}
		if math.Mod(k-10, every) == 0 {
			t.Label = fmt.Sprintf("%.1f", k/10)
		}
		ts = append(ts, t)
	}
	return ts
}

// verticalAt is a line from the bottom to the top.
func verticalAt(x float64) *plotter.Line {
	l, _ := plotter.NewLine(plotter.XYs{{X: x, Y: -math.MaxInt8}, {X: x, Y: math.MaxInt8}})
	l.Color, l.Width = color.Gray{0x60}, vg.Points(1)
	return l
}
