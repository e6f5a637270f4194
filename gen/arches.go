package main

import (
	"github.com/rqlock/rqlock/gen/amd64"
	"github.com/rqlock/rqlock/gen/arm64"
	"github.com/rqlock/rqlock/gen/emit"
	"github.com/rqlock/rqlock/gen/golang"
)

// An arch is an architecture with assembly. It has a row here and an emitter folder.
type arch struct {
	*emit.Backend
	golang.Arch
}

var arches = []arch{
	{amd64.Backend, golang.Arch{
		Name:      "amd64",
		SpinChunk: amd64.SpinChunk,
		Variants:  []string{"amd64"},
		Helpers:   amd64.Backend.Helpers,
	}},
	{arm64.Backend, golang.Arch{
		Name:      "arm64",
		SpinChunk: arm64.SpinChunk,
		Variants:  []string{"arm64+lse", "arm64+llsc"},
		Selector:  "lsePath",
		Flags: []golang.Flag{
			{Name: "hasLSE", CPU: "ARM64.HasATOMICS", Doc: []string{
				"hasLSE says that the machine has LSE, instructions that do a read-modify-write. Until",
				"the variable is set, the LL/SC loops run, which are right on every machine.",
			}},
			{Name: "hasEventStream", CPU: "ARM64.HasEVTSTRM", Doc: []string{
				"hasEventStream says that a timer ends every WFE, so that a wait may sleep in it. Only",
				"Linux reports it. On other systems the flag may be about the core, not the timer.",
			}, OS: "linux"},
		},
		Helpers: arm64.Backend.Helpers,
	}},
}
