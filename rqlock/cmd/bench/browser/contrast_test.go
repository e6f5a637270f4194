package browser

import (
	"fmt"
	"math"
	"testing"
)

// contrast is the ratio of two colours' luminances as WCAG 2 defines it, 1 to 21.
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	high, low := luminance(t, a), luminance(t, b)
	if high < low {
		high, low = low, high
	}
	return (high + .05) / (low + .05)
}

// luminance is the relative luminance of a colour, rgb(1, 2, 3).
func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	var rgb [3]float64
	if _, err := fmt.Sscanf(colour, "rgb(%f, %f, %f)", &rgb[0], &rgb[1], &rgb[2]); err != nil {
		t.Fatalf("the colour %q is none: %v", colour, err)
	}
	for i, c := range rgb {
		if c /= 255; c <= .04045 {
			rgb[i] = c / 12.92
		} else {
			rgb[i] = math.Pow((c+.055)/1.055, 2.4)
		}
	}
	return .2126*rgb[0] + .7152*rgb[1] + .0722*rgb[2]
}

func TestContrastOf(t *testing.T) {
	for pair, want := range map[[2]string]float64{{"rgb(0, 0, 0)", "rgb(255, 255, 255)"}: 21, {"rgb(119, 119, 119)", "rgb(255, 255, 255)"}: 4.48, {"rgb(9, 9, 9)", "rgb(9, 9, 9)"}: 1} {
		if got := contrast(t, pair[0], pair[1]); math.Abs(got-want) > .01 {
			t.Errorf("%v: %.2f, want %.2f", pair, got, want)
		}
	}
}
