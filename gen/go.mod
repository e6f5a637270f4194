// The generator is a module of its own so that users of asm and rqlock
// inherit none of its dependencies; go.work at the top joins the two.
module github.com/rqlock/rqlock/gen

go 1.26.0

require (
	github.com/aymanbagabas/go-udiff v0.4.1
	github.com/dave/jennifer v1.7.1
	github.com/mmcloughlin/avo v0.6.0
	github.com/rqlock/rqlock v0.0.0
	golang.org/x/arch v0.32.0
)

require (
	golang.org/x/mod v0.42.0 // indirect
	golang.org/x/sync v0.24.0 // indirect
	golang.org/x/tools v0.52.0
)

replace github.com/rqlock/rqlock => ../
