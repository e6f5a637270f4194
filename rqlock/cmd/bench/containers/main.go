// Containers measures rqlock's containers beside libraries that do the same, and writes a
// page of tables:
//
//	go run -C rqlock/cmd/bench ./containers -o ../../../docs/bench/containers.md
//
// With -gallery it measures the packages of gen/gallery beside sync.Mutex and channels.
//
// All contenders take turns in each round. A ratio is the median of ours/theirs in the
// same round, so rqlock's container is faster if it is below 1.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"

	"github.com/rqlock/rqlock/rqlock/internal/progress"
)

func main() {
	rounds := flag.Int("rounds", 11, "rounds in which the contenders take turns")
	seed := flag.Uint64("seed", 1, "seed of keys, prefixes and addresses")
	only := flag.String("only", "", "measure only the containers whose title begins with this `text`")
	galleries := flag.Bool("gallery", false, "measure the packages of gen/gallery instead")
	out := flag.String("o", "", "`file` to write (default standard output), relative to the folder that go run -C sets")
	flag.Parse()
	if flag.NArg() > 0 || *rounds < 1 {
		fmt.Fprintln(os.Stderr, "containers: want -rounds of 1 or more, and no arguments")
		os.Exit(2)
	}
	chosen := containers
	if *galleries {
		chosen = galleryPage
	}
	text := chosen.measure(*rounds, *seed, *only)
	if *out == "" {
		os.Stdout.Write(text)
		return
	}
	if err := os.WriteFile(*out, text, 0o666); err != nil {
		fmt.Fprintln(os.Stderr, "containers:", err)
		os.Exit(1)
	}
}

// A group is a container with what it is measured beside.
type group struct {
	title string
	notes string
	build func(rnd *rand.Rand) []comparison
}

var groups = []group{
	{"hashtab", mapNotes, maps},
	{"hashtab, 10,000,000 keys", "The same. It begins with the memory of a map that was filled, in bytes for each element.", manyKeys},
	{"hashtab, values of some size", valueNotes, values},
	{"hashtab, behind a writer", hotNotes, hotWriters},
	{"hashtab, as a cache", cacheNotes, caches},
	{"freelist", "Each of GOMAXPROCS goroutines takes an element and gives it back.", lists},
	{"lpmtrie, IPv4", trieNotes, func(rnd *rand.Rand) []comparison { return tries(rnd, false) }},
	{"lpmtrie, IPv6", "The same for IPv6.", func(rnd *rand.Rand) []comparison { return tries(rnd, true) }},
	{"lpmtrie, 1,000,000 prefixes at once", "A table is built from nothing, per prefix. bart's tables change in place.", builds},
	{"queuestack", "A queue and a stack beside a channel of the same capacity, 64.", queues},
	{"ringbuf", "From so many producers to one consumer, per record.", rings},
	{"localstorage", "The value of one of 1024 objects in one map. Attach + delete: for each of 32,768 objects,\nwhich are apart, or elements of one slice.", storages},
	{"memory", memoryNotes, memory},
}

// A page has tables.
type page struct {
	title, target, ratios string
	groups                []group
}

var containers = page{
	"The containers beside others", "bench-containers",
	"In\nbrackets are the medians of ours/theirs in the same round: below 1 ours is faster.", groups,
}

func (p page) measure(rounds int, seed uint64, only string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `# %s

`+"`make %s`"+` has written this page: %s, GOMAXPROCS %d, %s/%s, seed %d. The
contenders take turns in each of %d rounds. Numbers are medians, in ns per operation. %s
`, p.title, p.target, runtime.Version(), runtime.GOMAXPROCS(0), runtime.GOOS, runtime.GOARCH, seed, rounds, p.ratios)
	bar := progress.New(os.Stderr, int64(len(p.groups)))
	for _, g := range p.groups {
		if !strings.HasPrefix(g.title, only) {
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", g.title, g.notes)
		cs := g.build(rand.New(rand.NewPCG(seed, 0)))
		for i, c := range cs {
			if i == 0 || !sameNames(c, cs[i-1]) {
				c.writeHead(&b)
			}
			c.writeRow(&b, c.measure(rounds))
		}
		bar.Add(1)
	}
	bar.Finish()
	return b.Bytes()
}
