//go:build !race

package words

// copies says that Load and Store may copy a value by plain loads and stores, because they do
// what atomic ones do. The processor loads or stores each word as a whole, and one after the
// other (TSO). The compiler keeps them between the atomic accesses and calls before and after
// them: it takes those for writes.
const copies = true
