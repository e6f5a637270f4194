package main

import (
	"fmt"
	"runtime"
	"strings"
)

// page is docs/adopt.md.
func page(results []*result, runs int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Software that has adopted package sync

Modules that nobody here wrote, with the locks of rqlock/sync in place of Go's: rqswap has changed
the imports in a copy of each, and nothing else. Their own tests ran %d times before and %d times
after, with the policy Panic. Of large suites a part ran, which rqlock/cmd/bench/adopt/modules.go
names. Anyone can run it again:

    make adopt

%s, %s/%s, %d processors.

| module | files | tests that passed each time before | of those, after | deadlocks reported | held long |
|---|---|---|---|---|---|
`, runs, runs, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	for _, r := range results {
		steady, lost := r.steady(), r.lost()
		fmt.Fprintf(&b, "| %s %s | %s | %d | %d | %d | %d |\n", r.path, r.version, r.files, len(steady), len(steady)-len(lost), len(r.verdicts), r.stalls)
	}
	b.WriteString("\nA lock that was held long is no error: it is reported once, and the wait goes on.\n")
	b.WriteString(leftOut)
	for _, r := range results {
		for name := range strings.SplitSeq(r.skip, "|") {
			if name != "" {
				fmt.Fprintf(&b, "- %s: %s\n", r.name, strings.TrimSuffix(name, "$"))
			}
		}
	}
	return b.String()
}

const leftOut = `
Left out, since they fail now and then, before as after. They depend on time, and a machine may
be busy. TestShuffleNodes fails by chance, once in 56 times. Run alone on a busy machine,
TestMemberList_Ping failed 12 times of 150 before and 12 after, TestMemberlist_Join_IPv6 1 and 4
times of 150, and TestMemberlist_JoinDifferentNetworksMultiMasks 40 and 36 times of 1,200. The
first one finds a round trip of less than 0 ns. The others ask a node for its members before it has
heard of the other node.

`
