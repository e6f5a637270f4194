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
	return append([]comparison{{"Get", []contender{
		get("localstorage", func(o *object) bool { _, ok := local.Get(o); return ok }),
		get("sync.Map", func(o *object) bool { _, ok := shared.Load(o); return ok }),
	}}}, attachments()...)
}

// attachments attach values to objects and delete them.
func attachments() (cs []comparison) {
	n := work(1 << 15)
	apart, slice := make([]*object, n), make([]object, n)
	together := make([]*object, n)
	for i := range n {
		apart[i], together[i] = new(object), &slice[i]
	}
	for _, row := range []struct {
		name string
		of   []*object
	}{{"Attach + delete, apart", apart}, {"Attach + delete, one slice", together}} {
		local := localstorage.New(func(o *object) *localstorage.Owner { return &o.local }, func(int) {})
		var shared sync.Map
		life := func(name string, attach func(*object, int), remove func(*object)) contender {
			return contender{name: name, turn: func() int {
				for i, o := range row.of {
					attach(o, i)
				}
				for _, o := range row.of {
					remove(o)
				}
				return len(row.of)
			}}
		}
		cs = append(cs, comparison{row.name, []contender{
			life("localstorage", func(o *object, i int) { must(local.Update(o, i, localstorage.Any)) }, func(o *object) { must(local.Delete(o)) }),
			life("sync.Map", func(o *object, i int) { shared.Store(o, i) }, func(o *object) { shared.Delete(o) }),
		}})
	}
	return cs
}
