package main

import (
	"math/rand/v2"
	"sync"

	"github.com/rqlock/rqlock/rqlock/localstorage"
)

type object struct {
	local localstorage.Owner
	_     [56]byte
}

func storages(*rand.Rand) []comparison {
	calls := work(300_000)
	objects := make([]object, 1024)
	local := localstorage.New(func(o *object) *localstorage.Owner { return &o.local }, func(int) {})
	var shared sync.Map
	for i := range objects {
		must(local.Update(&objects[i], i, localstorage.Any))
		shared.Store(&objects[i], i)
	}
	get := func(name string, get func(o *object) bool) contender {
		return contender{name: name, turn: func() int {
			return parallel(func(id int) int {
				for i := range calls {
					if !get(&objects[(i*7+id)%len(objects)]) {
						panic(name + ": no value")
					}
				}
				return calls
			})
		}}
	}
	return []comparison{{"Get", []contender{
		get("localstorage", func(o *object) bool { _, ok := local.Get(o); return ok }),
		get("sync.Map", func(o *object) bool { _, ok := shared.Load(o); return ok }),
	}}}
}
