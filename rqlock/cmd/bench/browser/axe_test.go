package browser

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// axe-core is fetched from npm, and kept in the user's cache.
const (
	axeVersion = "4.14.1"
	axeSum     = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c" // SHA-256 of axe.min.js
)

// axe returns axe-core's script.
func axe(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	file := filepath.Join(cache, "rqlock-test", "axe-core-"+axeVersion+".min.js")
	if text, err := os.ReadFile(file); err == nil && sum(text) == axeSum {
		return string(text)
	}
	text, err := fetchAxe(t.TempDir())
	if err != nil {
		lacks(t, fmt.Sprintf("no axe-core %s here: %v (npm pack axe-core@%s must work: see npm config get registry)", axeVersion, err, axeVersion))
	}
	if got := sum(text); got != axeSum {
		t.Fatalf("axe-core %s from npm has the sum %s, want %s", axeVersion, got, axeSum)
	}
	if os.MkdirAll(filepath.Dir(file), 0o777) == nil {
		part := fmt.Sprintf("%s.%d", file, os.Getpid())
		if os.WriteFile(part, text, 0o666) == nil {
			_ = os.Rename(part, file) // or the next run fetches it again
		}
	}
	return string(text)
}

func sum(text []byte) string {
	s := sha256.Sum256(text)
	return hex.EncodeToString(s[:])
}

// fetchAxe has npm fetch the package into a folder, and returns the script in it.
func fetchAxe(dir string) ([]byte, error) {
	cmd := exec.Command("npm", "pack", "--silent", "axe-core@"+axeVersion)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		return nil, fmt.Errorf("%w %s", err, line)
	}
	archive, err := os.Open(filepath.Join(dir, "axe-core-"+axeVersion+".tgz"))
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	plain, err := gzip.NewReader(archive)
	if err != nil {
		return nil, err
	}
	for files := tar.NewReader(plain); ; {
		header, err := files.Next()
		if err != nil {
			return nil, errors.Join(errors.New("there is no axe.min.js in the package"), err)
		}
		if header.Name == "package/axe.min.js" {
			return io.ReadAll(files)
		}
	}
}

// A finding is what axe-core says of a rule.
type finding struct {
	ID, Help string
	Nodes    []struct {
		HTML    string
		Target  []string
		Summary string `json:"failureSummary"`
	}
}

func (f finding) String() string {
	s := f.ID + ": " + f.Help
	for _, n := range f.Nodes {
		s += fmt.Sprintf("\n\t%s %.300s %s", n.Target, n.HTML, n.Summary)
	}
	return s
}

// audit has axe-core look at the page as it is now. There must be no violation, and nothing that
// it cannot judge but two things: the contrast of text in SVG, which TestContrast does, and that
// of a single character, which is computed here.
func (b *tab) audit(what string) {
	b.t.Helper()
	result := eval[struct{ Violations, Incomplete, Passes []finding }](b, `axe.run(document, {resultTypes: ['violations', 'incomplete', 'passes']})`)
	if len(result.Passes) < 15 {
		b.t.Errorf("%s: axe-core has looked at %d rules only", what, len(result.Passes))
	}
	for _, f := range result.Violations {
		b.t.Errorf("%s: %v", what, f)
	}
	for _, f := range result.Incomplete {
		for _, n := range f.Nodes {
			colours := eval[struct {
				InGraph    bool
				Text, Back string
				Characters int
			}](b, `(() => {
				const e = document.querySelector(`+quote(n.Target[0])+`);
				let back = e;
				while (back.parentElement && getComputedStyle(back).backgroundColor === 'rgba(0, 0, 0, 0)') back = back.parentElement;
				return {inGraph: !!e.closest('svg.graph'), text: getComputedStyle(e).color, back: getComputedStyle(back).backgroundColor, characters: e.textContent.length};
			})()`)
			if f.ID == "color-contrast" && (colours.InGraph || colours.Characters == 1 && contrast(b.t, colours.Text, colours.Back) >= 4.5) {
				continue
			}
			b.t.Errorf("%s: cannot be judged: %s: %s %s %s", what, f.ID, n.Target, n.HTML, n.Summary)
		}
	}
}
