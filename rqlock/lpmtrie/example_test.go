package lpmtrie_test

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/lpmtrie"
)

// Routes: a callback that decides on one looks at the others. It may; only what would
// change them from there is refused, where a sync.Mutex would hang.
func ExampleTable() {
	routes := lpmtrie.NewTable[string](1000)
	for prefix, via := range map[string]string{"0.0.0.0/0": "uplink", "10.0.0.0/8": "office", "10.1.0.0/16": "lab"} {
		if err := routes.Update(netip.MustParsePrefix(prefix), via, lpmtrie.NoExist); err != nil {
			fmt.Println(err)
		}
	}
	via, _ := routes.Lookup(netip.MustParseAddr("10.1.2.3"))
	fmt.Println("10.1.2.3 via", via)

	p := netip.MustParsePrefix("10.1.2.0/24")
	err := routes.Compute(p, func(string, bool) (string, lpmtrie.Action) {
		if err := routes.Delete(p); errors.Is(err, rqlock.ErrDeadlock) {
			fmt.Println("Delete inside: deadlock")
		}
		match, via, _ := routes.LookupPrefixLPM(p)
		fmt.Println("so far", match, via)
		return via + ", rack 2", lpmtrie.Set
	})
	fmt.Println("Compute:", err)

	for prefix, via := range routes.All() { // in the kernel's order
		fmt.Println(prefix, via)
	}

	// Output:
	// 10.1.2.3 via lab
	// Delete inside: deadlock
	// so far 10.1.0.0/16 lab
	// Compute: <nil>
	// 10.1.2.0/24 lab, rack 2
	// 10.1.0.0/16 lab
	// 10.0.0.0/8 office
	// 0.0.0.0/0 uplink
}

// Keys may be any bits: here a protocol's 8, then a port's first ones.
func ExampleMap() {
	services := lpmtrie.New[string](24, 100)
	services.Update(lpmtrie.Key{Bits: []byte{6}, Len: 8}, "TCP", lpmtrie.Any)
	services.Update(lpmtrie.Key{Bits: []byte{6, 0x00}, Len: 8 + 6}, "TCP, below 1024", lpmtrie.Any)
	services.Update(lpmtrie.Key{Bits: []byte{6, 0x00, 0x50}, Len: 8 + 16}, "HTTP", lpmtrie.Any)
	for _, port := range []uint16{80, 81, 8080} {
		s, _ := services.Lookup(lpmtrie.Key{Bits: []byte{6, byte(port >> 8), byte(port)}, Len: 24})
		fmt.Println(port, s)
	}
	// Output:
	// 80 HTTP
	// 81 TCP, below 1024
	// 8080 TCP
}
