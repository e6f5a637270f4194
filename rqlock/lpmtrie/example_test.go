package lpmtrie_test

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/lpmtrie"
)

// newRoutes returns a small routing table.
func newRoutes() *lpmtrie.Table[string] {
	routes := lpmtrie.NewTable[string](1000)
	for prefix, via := range map[string]string{"0.0.0.0/0": "uplink", "10.0.0.0/8": "office", "10.1.0.0/16": "lab"} {
		if err := routes.Update(netip.MustParsePrefix(prefix), via, lpmtrie.NoExist); err != nil {
			fmt.Println(err)
		}
	}
	return routes
}

// A routing table: the longest prefix that contains an address decides.
func ExampleTable() {
	routes := newRoutes()
	for _, ip := range []string{"10.1.2.3", "10.9.9.9", "192.0.2.1"} {
		via, ok := routes.Lookup(netip.MustParseAddr(ip))
		fmt.Println(ip, via, ok)
	}
	if err := routes.Delete(netip.MustParsePrefix("0.0.0.0/0")); err != nil {
		fmt.Println(err)
	}
	_, ok := routes.Lookup(netip.MustParseAddr("192.0.2.1"))
	fmt.Println(ok)
	// Output:
	// 10.1.2.3 lab true
	// 10.9.9.9 office true
	// 192.0.2.1 uplink true
	// false
}

// A callback that decides on a route may look at the others. A call that would need the
// lock returns an error, where a sync.Mutex would hang.
func ExampleTable_Compute() {
	routes := newRoutes()
	p := netip.MustParsePrefix("10.1.2.0/24")
	err := routes.Compute(p, func(string, bool) (string, lpmtrie.Action) {
		if err := routes.Delete(p); errors.Is(err, rqlock.ErrDeadlock) {
			fmt.Println("Delete in the callback: deadlock")
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
	// Delete in the callback: deadlock
	// so far 10.1.0.0/16 lab
	// Compute: <nil>
	// 10.1.2.0/24 lab, rack 2
	// 10.1.0.0/16 lab
	// 10.0.0.0/8 office
	// 0.0.0.0/0 uplink
}

// A transaction replaces a route by two others. No lookup sees a part of that.
func ExampleTable_Transact() {
	routes := newRoutes()
	office := netip.MustParsePrefix("10.0.0.0/8")
	err := routes.Transact(func(tx *lpmtrie.TableTx[string]) error {
		for _, half := range []string{"10.0.0.0/9", "10.128.0.0/9"} {
			if err := tx.Update(netip.MustParsePrefix(half), "office", lpmtrie.NoExist); err != nil {
				return err // and nothing has changed
			}
		}
		return tx.Delete(office)
	})
	fmt.Println(err)

	for prefix, via := range routes.Subnets(office) {
		fmt.Println(prefix, via)
	}
	for prefix := range routes.Supernets(netip.MustParsePrefix("10.1.2.0/24")) {
		fmt.Println("10.1.2.0/24 is in", prefix)
	}
	fmt.Println(routes.OverlapsPrefix(netip.MustParsePrefix("10.200.0.0/16")))
	// Output:
	// <nil>
	// 10.1.0.0/16 lab
	// 10.0.0.0/9 office
	// 10.128.0.0/9 office
	// 10.1.2.0/24 is in 10.1.0.0/16
	// 10.1.2.0/24 is in 10.0.0.0/9
	// 10.1.2.0/24 is in 0.0.0.0/0
	// true
}

// UpdateAll builds a table at once.
func ExampleTable_UpdateAll() {
	routes := lpmtrie.NewTable[string](1000)
	err := routes.UpdateAll(maps.All(map[netip.Prefix]string{
		netip.MustParsePrefix("0.0.0.0/0"):  "uplink",
		netip.MustParsePrefix("10.0.0.0/8"): "office",
	}), lpmtrie.NoExist)
	fmt.Println(routes.Len(), err)
	// Output: 2 <nil>
}

// The keys of a Map are any bits: here the 8 bits of a protocol, then the first bits of a
// port.
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
