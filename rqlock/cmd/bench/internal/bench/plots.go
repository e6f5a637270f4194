package bench

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// A picture is plots side by side.
type picture struct {
	name   string // of the files
	title  string // what it shows
	width  vg.Length
	height vg.Length
	plots  []*plot.Plot
	legend *plot.Legend // of the locks, beside the plots
}

// pictures returns the pictures for which there are results.
func (r *Report) pictures() (ps []picture, err error) {
	for _, p := range []struct {
		part string
		make func(*Report) (picture, error)
	}{
		{"grid", throughputPicture}, {curve, waitPicture}, {"fairness", fairnessPicture}, {"grid", taxPicture},
		{"rwgrid", rwThroughputPicture}, {rwCurve, rwWaitPicture},
	} {
		if !r.Results.has(p.part) {
			continue
		}
		pic, err := p.make(r)
		if err != nil {
			return nil, err
		}
		if len(pic.plots) > 0 {
			ps = append(ps, pic)
		}
	}
	return ps, nil
}

// render draws the picture in both formats.
func (p picture) render() (svg, png []byte, err error) {
	s := vgsvg.New(p.width, p.height)
	p.draw(draw.New(s))
	var sb, pb bytes.Buffer
	if _, err := s.WriteTo(&sb); err != nil {
		return nil, nil, err
	}
	img := vgimg.NewWith(vgimg.UseWH(p.width, p.height), vgimg.UseDPI(144))
	p.draw(draw.New(img))
	if _, err := (vgimg.PngCanvas{Canvas: img}).WriteTo(&pb); err != nil {
		return nil, nil, err
	}
	// The text was measured in a font that most readers do not have. These have the
	// same widths.
	return bytes.ReplaceAll(sb.Bytes(), []byte("font-family:Liberation Sans"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif")), pb.Bytes(), nil
}

// draw draws the plots side by side, and the legend on their right.
func (p picture) draw(c draw.Canvas) {
	c.SetColor(color.White)
	c.Fill(c.Rectangle.Path())
	if p.legend != nil {
		right := draw.Crop(c, c.Max.X-c.Min.X-legendWidth, 0, 0, -vg.Points(30))
		p.legend.Draw(right)
		c = draw.Crop(c, 0, -legendWidth, 0, 0)
	}
	tiles := draw.Tiles{Rows: 1, Cols: len(p.plots), PadX: vg.Points(14), PadTop: vg.Points(4), PadBottom: vg.Points(4), PadLeft: vg.Points(4), PadRight: vg.Points(8)}
	canvases := plot.Align([][]*plot.Plot{p.plots}, tiles, c)
	for i, pl := range p.plots {
		pl.Draw(canvases[0][i])
	}
}

const legendWidth = 120 * vg.Inch / 72

// setLegendAside moves the legend out of the plots, where curves would cross it.
func (p *picture) setLegendAside() {
	if len(p.plots) == 0 {
		return
	}
	l := p.plots[0].Legend
	l.Top, l.Left = true, true
	l.ThumbnailWidth, l.Padding = vg.Points(28), vg.Points(4)
	l.TextStyle.Font.Size = vg.Points(10)
	p.legend = &l
	for _, pl := range p.plots {
		pl.Legend = plot.NewLegend()
	}
}

// A style is the look of a lock in all plots.
type style struct {
	color  color.Color
	shape  draw.GlyphDrawer
	dashes []vg.Length
	width  vg.Length
}

// palette has colours that people with any colour vision can tell apart (Okabe and Ito).
// There are more locks than colours, so shapes and dashes differ, too.
var palette = []color.Color{
	color.RGBA{0x00, 0x72, 0xb2, 0xff}, // blue
	color.RGBA{0xe6, 0x9f, 0x00, 0xff}, // orange
	color.RGBA{0x00, 0x00, 0x00, 0xff}, // black
	color.RGBA{0x00, 0x9e, 0x73, 0xff}, // green
	color.RGBA{0xcc, 0x79, 0xa7, 0xff}, // purple
	color.RGBA{0x56, 0xb4, 0xe9, 0xff}, // sky
	color.RGBA{0xd5, 0x5e, 0x00, 0xff}, // vermilion
}

// The locks of the first round through the palette have the first shape and dash, and so on.
var (
	shapes = []draw.GlyphDrawer{draw.CircleGlyph{}, draw.TriangleGlyph{}, draw.SquareGlyph{}}
	dashes = [][]vg.Length{nil, {vg.Points(5), vg.Points(2)}, {vg.Points(1.5), vg.Points(1.5)}}
)

// styleOf returns the style of a lock. It does not depend on the other locks that are shown.
func styleOf(lock string) style {
	i := max(0, slices.Index(names(all), lock))
	s := style{palette[i%len(palette)], shapes[i/len(palette)%len(shapes)], dashes[i/len(palette)%len(dashes)], vg.Points(1.2)}
	if lock == rq {
		s.width = vg.Points(2.6)
	}
	return s
}

// newPlot returns a plot with a title, axes and a grid.
func newPlot(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.Title.Padding = vg.Points(6)
	for _, style := range []*text.Style{&p.Title.TextStyle, &p.X.Label.TextStyle, &p.Y.Label.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label, &p.Legend.TextStyle} {
		style.Font.Variant = "Sans"
	}
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = color.Gray{0xe0}, color.Gray{0xe0}
	p.Add(grid)
	return p
}

// addLine adds a lock's curve.
func addLine(p *plot.Plot, lock string, xys plotter.XYs, points bool) error {
	line, dots, err := plotter.NewLinePoints(xys)
	if err != nil {
		return fmt.Errorf("plot of %s: %w", lock, err)
	}
	st := styleOf(lock)
	line.Color, line.Width, line.Dashes = st.color, st.width, st.dashes
	dots.Color, dots.Shape, dots.Radius = st.color, st.shape, vg.Points(2.6)
	if !points {
		p.Add(line)
		p.Legend.Add(lock, line)
		return nil
	}
	p.Add(line, dots)
	p.Legend.Add(lock, line, dots)
	return nil
}

// throughputPicture shows acquisitions over goroutines, with some work in sections and
// between them, and with none.
func throughputPicture(r *Report) (picture, error) {
	return r.throughputs("grid", picture{name: "throughput", title: "Throughput over goroutines", width: 11 * vg.Inch, height: 5 * vg.Inch}, []throughputPlot{
		{"50 ns in the section, 200 ns between", map[string]string{"in": "50", "out": "200"}},
		{"nothing in the section, nothing between", map[string]string{"in": "0", "out": "0"}},
	})
}

// rwThroughputPicture shows the same of reader-writer locks, with few writers and with many.
func rwThroughputPicture(r *Report) (picture, error) {
	var ps []throughputPlot
	for _, reads := range shares {
		ps = append(ps, throughputPlot{fmt.Sprintf("%d %% read, 50 ns in the section", reads), map[string]string{"in": "50", "reads": strconv.Itoa(reads)}})
	}
	return r.throughputs("rwgrid", picture{name: "rw-throughput", title: "Throughput of reader-writer locks", width: 16 * vg.Inch, height: 5 * vg.Inch}, ps)
}

// A throughputPlot shows the cells of a grid that have these fields.
type throughputPlot struct {
	title  string
	fields map[string]string
}

// throughputs adds plots of a grid to a picture.
func (r *Report) throughputs(part string, pic picture, ps []throughputPlot) (picture, error) {
	for _, kind := range ps {
		p := newPlot(kind.title, "goroutines (GOMAXPROCS 2)", "million acquisitions a second")
		drawn := false
		for _, lock := range r.Results.locks(part) {
			xys := r.throughput(part, lock, kind.fields)
			if len(xys) == 0 {
				continue
			}
			drawn = true
			if err := addLine(p, lock, xys, true); err != nil {
				return pic, err
			}
		}
		if !drawn {
			continue
		}
		p.X.Scale = plot.LogScale{}
		p.X.Tick.Marker = ticksAt(1, 2, 4, 16, 256, 4096)
		p.Y.Min = 0
		p.Y.Max *= 1.03
		pic.plots = append(pic.plots, p)
	}
	pic.setLegendAside()
	return pic, nil
}

// throughput returns a lock's curve in million acquisitions a second.
func (r *Report) throughput(part, lock string, fields map[string]string) (xys plotter.XYs) {
	for _, cell := range r.Results.cells(part) {
		if field(cell, "procs") != "2" || !hasFields(cell, fields) {
			continue
		}
		g, _ := strconv.Atoi(field(cell, "g"))
		xys = append(xys, plotter.XY{X: float64(g), Y: 1e3 / r.Results.runs(part, cell, lock, nsPerOp).median()})
	}
	slices.SortFunc(xys, func(a, b plotter.XY) int { return int(a.X - b.X) })
	return xys
}

func hasFields(cell string, fields map[string]string) bool {
	for key, value := range fields {
		if field(cell, key) != value {
			return false
		}
	}
	return true
}

// ticksAt has ticks at the given values only.
func ticksAt(values ...float64) plot.ConstantTicks {
	var ts []plot.Tick
	for _, v := range values {
		ts = append(ts, plot.Tick{Value: v, Label: strconv.FormatFloat(v, 'f', -1, 64)})
	}
	return ts
}

// waitPicture shows for each time the share of acquisitions that waited for longer.
func waitPicture(r *Report) (picture, error) {
	return r.waitCurves(curve, picture{name: "wait-cdf", title: "How long they wait"}, fmt.Sprintf("%d goroutines, section %v", few, section))
}

// rwWaitPicture shows the same of a writer among readers.
func rwWaitPicture(r *Report) (picture, error) {
	return r.waitCurves(rwCurve, picture{name: "rw-wait-cdf", title: "How long a writer waits"}, fmt.Sprintf("a writer and %d readers, sections %v", few, section))
}

// waitCurves adds a plot of waits to a picture.
func (r *Report) waitCurves(part string, pic picture, who string) (picture, error) {
	pic.width, pic.height = 9*vg.Inch, 5*vg.Inch
	p := newPlot(fmt.Sprintf("acquisitions that waited longer (1 - F): %s, GOMAXPROCS %d", who, fewProcs), "wait", "")
	drawn := false
	for _, lock := range r.Results.locks(part) {
		xys := r.tail(part, lock)
		if len(xys) < 2 {
			continue // a scale of logarithms cannot show one point
		}
		drawn = true
		if err := addLine(p, lock, xys, false); err != nil {
			return pic, err
		}
	}
	if !drawn {
		return pic, nil
	}
	if p.X.Min == p.X.Max { // nor one value
		p.X.Min, p.X.Max = p.X.Min/2, p.X.Max*2
	}
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker = decades(func(v float64) string { return shortDuration(v) })
	p.Y.Tick.Marker = decades(func(v float64) string { return strconv.FormatFloat(100*v, 'g', 3, 64) + " %" })
	p.Y.Max = 1
	pic.plots = []*plot.Plot{p}
	pic.setLegendAside()
	return pic, nil
}

// tail returns the complementary distribution of a lock's waits, as far as there are samples.
func (r *Report) tail(part, lock string) (xys plotter.XYs) {
	for _, res := range r.Results {
		if res.Part != part || res.Lock != lock {
			continue
		}
		q, _ := strconv.ParseFloat(field(res.Cell, "q"), 64)
		if (1-q)*float64(res.Iters) < 1 {
			continue // no sample is that rare
		}
		xys = append(xys, plotter.XY{X: max(1, res.Runs.median()), Y: 1 - q})
	}
	return xys
}

// decades has ticks at powers of ten.
type decades func(float64) string

func (label decades) Ticks(lo, hi float64) (ts []plot.Tick) {
	for e := math.Floor(math.Log10(lo)); e <= math.Ceil(math.Log10(hi)); e++ {
		v := math.Pow(10, e)
		ts = append(ts, plot.Tick{Value: v, Label: label(v)})
		for m := 2.0; m < 10; m++ {
			ts = append(ts, plot.Tick{Value: m * v})
		}
	}
	return slices.DeleteFunc(ts, func(t plot.Tick) bool { return t.Value < lo || t.Value > hi })
}

// shortDuration labels a power of ten of nanoseconds.
func shortDuration(ns float64) string {
	units := []string{"ns", "us", "ms", "s"}
	for len(units) > 1 && ns >= 999 {
		ns, units = ns/1e3, units[1:]
	}
	return strconv.FormatFloat(ns, 'g', 3, 64) + " " + units[0]
}

// fairnessPicture shows a bar for each lock.
func fairnessPicture(r *Report) (picture, error) {
	pic := picture{name: "fairness", title: "Fairness", width: 9 * vg.Inch, height: 4 * vg.Inch}
	p := newPlot(fmt.Sprintf("acquisitions of the slowest by those of the fastest of %d goroutines, section %v, GOMAXPROCS %d", few, section, fewProcs), "", "")
	locks := r.Results.locks("fairness")
	for i, lock := range locks {
		bar, err := plotter.NewBarChart(plotter.Values{r.fairness(lock)}, vg.Points(22))
		if err != nil {
			return pic, err
		}
		bar.XMin, bar.Color, bar.LineStyle.Width = float64(i), styleOf(lock).color, 0
		p.Add(bar)
	}
	p.NominalX(locks...)
	p.X.Tick.Label.Rotation, p.X.Tick.Label.XAlign, p.X.Tick.Label.YAlign = math.Pi/6, draw.XRight, draw.YCenter
	p.Y.Min, p.Y.Max = 0, 1
	pic.plots = []*plot.Plot{p}
	return pic, nil
}
