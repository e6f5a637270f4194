module github.com/rqlock/rqlock

go 1.25.0

require (
	github.com/VictoriaMetrics/metrics v1.45.0
	github.com/aymanbagabas/go-udiff v0.4.1
	github.com/dave/jennifer v1.7.1
	github.com/golangci/plugin-module-register v0.1.2
	github.com/google/pprof v0.0.0-20260115054156-294ebfa9ad83
	github.com/mmcloughlin/avo v0.6.0
	github.com/schollz/progressbar/v3 v3.18.0
	golang.org/x/arch v0.20.0
	golang.org/x/mod v0.31.0
	golang.org/x/sys v0.39.0
	golang.org/x/tools v0.40.0
)

require (
	github.com/mitchellh/colorstring v0.0.0-20190213212951-d06e56a500db // indirect
	github.com/rivo/uniseg v0.4.7 // indirect
	github.com/valyala/fastrand v1.1.0 // indirect
	github.com/valyala/histogram v1.2.0 // indirect
	golang.org/x/sync v0.19.0 // indirect
	golang.org/x/term v0.28.0 // indirect
)
