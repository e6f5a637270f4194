package golang

import (
	"strings"
	"testing"

	"github.com/rqlock/rqlock/gen/emit"
	"github.com/rqlock/rqlock/gen/spec"
)

// TestFusedInGo checks what takes the place of a fused fast path in builds without one,
// for each kind of result.
func TestFusedInGo(t *testing.T) {
	for _, tt := range []struct {
		path emit.Fused
		want string
	}{
		{
			emit.Fused{Sig: "func(l *Mutex) (err error)", Fast: "LockOwned", Op: spec.LockOwned, On: []string{"l.word"}, Else: []string{"slow"}},
			"func fast(l *Mutex) (err error) {\n\tif asm.LockOwned(&l.word) {\n\t\treturn nil\n\t}\n\treturn slow(l)\n}",
		},
		{
			emit.Fused{Sig: "func(l *Mutex)", Fast: "LockFast", Op: spec.LockFast, On: []string{"l.word"}, Else: []string{"slow"}},
			"func fast(l *Mutex) {\n\tif !asm.LockFast(&l.word) {\n\t\tslow(l)\n\t}\n}",
		},
		{
			emit.Fused{Sig: "func(l *RWMutex) (err error)", Fast: "ReadLock", Op: spec.ReadLock, On: []string{"l.rw", "rows"}, Else: []string{"refused", "claimed"}},
			"func fast(l *RWMutex) (err error) {\n\tswitch asm.ReadLock(&l.rw, &rows) {\n" +
				"\tcase asm.ReadRefused:\n\t\treturn refused(l)\n\tcase asm.ReadClaimed:\n\t\treturn claimed(l)\n\t}\n\treturn nil\n}",
		},
		{
			emit.Fused{Sig: "func(l *RWMutex)", Fast: "WriteUnlock", Op: spec.WriteUnlock, On: []string{"l.rw"}, Else: []string{"wake", "foreign", "admit"}},
			"func fast(l *RWMutex) {\n\tswitch asm.WriteUnlock(&l.rw) {\n" +
				"\tcase asm.WakeDue:\n\t\twake(l)\n\tcase asm.NotOwner:\n\t\tforeign(l)\n\tcase asm.AdmitDue:\n\t\tadmit(l)\n\t}\n}",
		},
	} {
		tt.path.Name = "fast"
		files, err := FusedFiles(&Config{Pkg: "p"}, []emit.Fused{tt.path})
		if err != nil {
			t.Fatal(err)
		}
		if src := string(files["zfused_go.go"]); !strings.Contains(src, tt.want) {
			t.Errorf("%s: want\n%s\nin\n%s", tt.path.Fast, tt.want, src)
		}
	}
}
