package bench

import (
	"cmp"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// A Machine says on what the figures were measured. What the system does not
// tell is empty.
type Machine struct {
	Kind     string   `json:"kind,omitempty"`
	CPU      string   `json:"cpu,omitempty"`
	Cores    int      `json:"cores"`
	Virtual  bool     `json:"virtual"` // under a hypervisor, as far as the processor says
	Caches   []string `json:"caches,omitempty"`
	Governor string   `json:"governor,omitempty"`
	System   string   `json:"system"`
	Arch     string   `json:"arch"`
	Go       string   `json:"go"`
	Procs    int      `json:"gomaxprocs"`
	Load     string   `json:"load,omitempty"` // run queue's average over a minute, before
	PerSpin  float64  `json:"ns_per_spin"`
	Date     string   `json:"date"`
}

func thisMachine() Machine {
	info := readFile("/proc/cpuinfo")
	load, _, _ := strings.Cut(readFile("/proc/loadavg"), " ")
	release, _, _ := strings.Cut(readFile("/proc/sys/kernel/osrelease"), "-")
	return Machine{
		Kind:     kindOf(info, runtime.GOOS, runtime.GOARCH),
		CPU:      cmp.Or(cpuField(info, "model name"), cpuField(info, "cpu model"), cpuField(info, "Processor")),
		Cores:    runtime.NumCPU(),
		Virtual:  strings.Contains(" "+cpuField(info, "flags")+" ", " hypervisor "),
		Caches:   caches("/sys/devices/system/cpu/cpu0/cache"),
		Governor: readFile("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
		System:   strings.TrimSpace(runtime.GOOS + " " + release),
		Arch:     runtime.GOARCH,
		Go:       runtime.Version(),
		Procs:    runtime.GOMAXPROCS(0),
		Load:     load,
		PerSpin:  perSpin,
		Date:     time.Now().UTC().Format(time.DateOnly),
	}
}

// cpuField returns the first value of a key in /proc/cpuinfo.
func cpuField(info, key string) string {
	for l := range strings.Lines(info) {
		if k, v, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// caches describes those of the first core.
func caches(dir string) (cs []string) {
	indices, _ := filepath.Glob(filepath.Join(dir, "index*"))
	for _, i := range indices {
		level, kind, size := readFile(filepath.Join(i, "level")), readFile(filepath.Join(i, "type")), readFile(filepath.Join(i, "size"))
		if level == "" || size == "" {
			continue
		}
		name := "L" + level
		if kind != "Unified" {
			name += " " + strings.ToLower(kind)
		}
		cs = append(cs, name+" "+size)
	}
	return cs
}

// readFile returns a small file without its last newline, or nothing.
func readFile(path string) string {
	b, _ := os.ReadFile(path)
	return strings.TrimSpace(string(b))
}
