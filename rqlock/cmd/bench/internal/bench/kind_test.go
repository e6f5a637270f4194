package bench

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestKind: machines of one kind have one name, and each name is one that -machine accepts.
func TestKind(t *testing.T) {
	amd := func(name string, family, model string) string {
		return "vendor_id\t: AuthenticAMD\ncpu family\t: " + family + "\nmodel\t\t: " + model + "\nmodel name\t: " + name + "\n"
	}
	for _, c := range []struct{ info, goos, goarch, want string }{
		{amd("AMD EPYC", "25", "17"), "linux", "amd64", "amd-epyc-zen4"},
		{amd("AMD EPYC 7B13 64-Core Processor", "25", "1"), "linux", "amd64", "amd-epyc-zen3"},
		{amd("AMD EPYC 7B12", "23", "49"), "linux", "amd64", "amd-epyc-zen2"},
		{amd("AMD EPYC 7601 32-Core Processor", "23", "1"), "linux", "amd64", "amd-epyc-zen1"},
		{amd("AMD EPYC 9B45", "26", "2"), "linux", "amd64", "amd-epyc-zen5"},
		{amd("AMD Ryzen 9 7950X 16-Core Processor", "25", "97"), "linux", "amd64", "amd-ryzen-zen4"},
		{amd("AMD EPYC", "99", "1"), "linux", "amd64", "amd-epyc"},
		{amd("AMD EPYC", "", ""), "linux", "amd64", "amd-epyc"},
		{"vendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Xeon(R) Processor\n", "linux", "amd64", "intel-xeon"},
		{"model name\t: Intel(R) Xeon(R) CPU @ 2.80GHz\n", "linux", "amd64", "intel-xeon"},
		{"model name\t: Intel(R) Xeon(R) Platinum 8468\n", "linux", "amd64", "intel-xeon-platinum"},
		{"model name\t: 13th Gen Intel(R) Core(TM) i7-1370P\n", "linux", "amd64", "intel-core"},
		{"CPU implementer\t: 0x41\nCPU part\t: 0xd0c\n", "linux", "arm64", "arm-neoverse-n1"},
		{"CPU implementer\t: 0x41\nCPU part\t: 0xfff\n", "linux", "arm64", "arm64"},
		{"CPU implementer\t: 0x61\n", "linux", "arm64", "arm64"},
		{"model name\t: 1234\n", "linux", "amd64", "amd64"},
		{"", "darwin", "arm64", "darwin-arm64"},
	} {
		if got := kindOf(c.info, c.goos, c.goarch); got != c.want {
			t.Errorf("%q: %s, want %s", c.info, got, c.want)
		}
		if !kindName.MatchString(c.want) {
			t.Errorf("-machine does not accept %s", c.want)
		}
	}
	if kind := thisMachine().Kind; !kindName.MatchString(kind) {
		t.Errorf("this machine is %q", kind)
	}
}

// TestList: the list has each kind with its figures, marks what is beyond its bar, and takes
// results of older versions.
func TestList(t *testing.T) {
	dir := t.TempDir()
	old := sample()
	old.Results = old.Results[:1]
	for kind, r := range map[string]*Report{"abacus": sample(), "napier-bones": old} {
		b, err := json.Marshal(r)
		if err == nil {
			err = os.Mkdir(filepath.Join(dir, kind), 0o777)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, kind, resultsFile), b, 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o777); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr strings.Builder
	if code := run([]string{"-index", "-o", dir}, &stdout, &stderr); code != 0 || stdout.Len()+stderr.Len() > 0 {
		t.Fatalf("exit code %d, %s%s", code, stdout.String(), stderr.String())
	}
	page, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"| | [abacus](abacus/README.md) | [napier-bones](napier-bones/README.md) | bar |",
		"| an uncontended pair | 0.83 | - | 1.05 |", // 10 by 12
		"| the same, the fastest pairs | 0.82 | - | 0.85 |",
		"| an uncontended pair by two empty calls | 2.00! | - | 1.25 |",
		"| the same at GOMAXPROCS 8 | 0.83 | - | 0.85 |",
		"| their cells wholly above 1.05 | 0 | - | 0 |",
		"| 2 to 4,096 goroutines (24 cells), geometric mean | 0.83! | - | 0.75 |",
		"| unwinding a chain of 50 to 10,000 locks, slowest | 1.09 | - | 3 |",
		"| 1,000 waiters asleep: % of a core | 0.02 | - | 0.5 |",
		"| self-deadlock, in uncontended pairs of sync.Mutex | 100 | - | 300 |",
	} {
		if !bytes.Contains(page, []byte(line+"\n")) {
			t.Errorf("no line %q in\n%s", line, page)
		}
	}
	if bytes.Contains(page, []byte("NaN")) {
		t.Errorf("%s", page)
	}
	for line := range strings.Lines(string(page)) {
		if len(line) > 100 && line[0] != '|' {
			t.Errorf("long line %q", line)
		}
	}
}

// TestListStale: the project's list is what the results beside it make.
func TestListStale(t *testing.T) {
	const dir = "../../../../../docs/bench"
	reports, err := readReports(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(reports) == 0 {
		t.Error("docs/bench has no results")
	}
	want, err := index(reports)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/bench/README.md is stale: go run -C rqlock/cmd/bench ./rqbench -index -o ../../../docs/bench")
	}
}
