// The comparison with other locks, a module of its own: its peers stay out of
// what users of the library require.
module github.com/rqlock/rqlock/rqlock/bench

go 1.26.0

require (
	github.com/rqlock/rqlock v0.0.0
	github.com/sasha-s/go-deadlock v0.3.9
)

require (
	github.com/petermattis/goid v0.0.0-20250813065127-a731cc31b4fe // indirect
	golang.org/x/sys v0.49.0 // indirect
)

replace github.com/rqlock/rqlock => ../..
