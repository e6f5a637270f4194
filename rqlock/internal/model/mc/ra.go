package mc

import "slices"

// ra is a release/acquire memory. Each location has its messages in modification order,
// and each thread has a view; see the package's documentation.
type ra struct {
	m     *machine
	views []*view // allocated for messages; the first used of them are in use
	used  int

	published [maxLocations]uint8 // oldest messages that a SeqCst load may still read
}

// A message is a store.
type message struct {
	v    uint64
	rmw  bool  // by a read-modify-write: no message may come between it and the one before
	view *view // an acquire load joins it to its thread's view; nil is an empty one
}

// A view has for each location the index of the oldest message that may still be read,
// and the plain accesses that happen before. (The term is the literature's.) Indices
// count the messages that are kept; see prune.
type view struct {
	before accessSet
	pos    [maxLocations]uint8
}

var noView view

func (v *view) join(w *view, locations int) {
	v.before.join(&w.before)
	for i := range v.pos[:locations] {
		v.pos[i] = max(v.pos[i], w.pos[i])
	}
}

// below reports whether joining v to w would not change w, apart from location own. w
// may be nil.
func (v *view) below(w *view, own, locations int) bool {
	if w == nil {
		w = &noView
	}
	for i := range v.before {
		if v.before[i]&^w.before[i] != 0 {
			return false
		}
	}
	for i := range v.pos[:locations] {
		if i != own && v.pos[i] > w.pos[i] {
			return false
		}
	}
	return true
}

func (v *view) hash(locations int) uint64 {
	h := v.before.hash()
	for i := 0; i < locations; i += 8 {
		if w := le64(v.pos[i:]); w != 0 {
			h = mix(h^w, uint64(i)+1)
		}
	}
	return h
}

func le64(b []uint8) uint64 {
	_ = b[7]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

func (r *ra) reset() { r.used, r.published = 0, [maxLocations]uint8{} }

// copyOf returns a message's view with the contents of v.
func (r *ra) copyOf(v *view) *view {
	if r.used == len(r.views) {
		r.views = append(r.views, new(view))
	}
	w := r.views[r.used]
	r.used++
	*w = *v
	return w
}

// oldest returns the index of the oldest message of l that t may read.
func (r *ra) oldest(t *thread, l *location, o Order) int {
	if o == SeqCst {
		return int(max(t.view.pos[l.id], r.published[l.id]))
	}
	return int(t.view.pos[l.id])
}

// order orders all earlier SeqCst stores, and what was ordered before them, before a
// SeqCst access of t.
func (r *ra) order(t *thread) { raise(t.view.pos[:len(r.m.locs)], r.published[:]) }

// publish orders a SeqCst store of t, and what was ordered before it, before all later
// SeqCst accesses.
func (r *ra) publish(t *thread) { raise(r.published[:len(r.m.locs)], t.view.pos[:]) }

func raise(to, by []uint8) {
	for i := range to {
		to[i] = max(to[i], by[i])
	}
}

// loads counts the messages that may be read. Alternative 0 is the newest.
func (r *ra) loads(t *thread, l *location, o Order) int {
	return len(l.msgs) - r.oldest(t, l, o)
}

func (r *ra) load(t *thread, l *location, o Order, alt int) uint64 {
	i := len(l.msgs) - 1 - alt
	r.read(t, l, i, o.acquires())
	if o == SeqCst {
		r.order(t)
	}
	return l.msgs[i].v
}

// read makes t read message i of l.
func (r *ra) read(t *thread, l *location, i int, acquires bool) {
	if w := l.msgs[i].view; acquires && w != nil {
		t.view.join(w, len(r.m.locs))
	}
	t.view.pos[l.id] = max(t.view.pos[l.id], uint8(i))
	r.watch(t, l, i)
}

func (r *ra) watch(t *thread, l *location, i int) {
	if l.watch>>t.id&1 != 0 && int(t.lastRead[l.id]) < i {
		t.wakeUp() // it has read an older message in this round, and may not do so in the next
	}
	t.watch(l)
	if !t.woken {
		t.lastRead[l.id] = uint8(i)
	}
}

// stores counts the gaps that a store may go into. Alternative 0 is the end.
func (r *ra) stores(t *thread, l *location, o Order, mask uint64) int {
	if o == SeqCst || mask != ^uint64(0) {
		return 1
	}
	n := 0
	for i := len(l.msgs); i > int(t.view.pos[l.id]); i-- {
		if r.gapBefore(l, i) {
			n++
		}
	}
	return n
}

// gapBefore reports whether a store may become message i.
func (r *ra) gapBefore(l *location, i int) bool { return i == len(l.msgs) || !l.msgs[i].rmw }

func (r *ra) store(t *thread, l *location, v, mask uint64, o Order, alt int) {
	r.makeRoom(l)
	if mask != ^uint64(0) {
		last := len(l.msgs) - 1
		t.view.pos[l.id] = uint8(last)
		if l.watch>>t.id&1 != 0 { // the other parts may have changed; but a store alone is no read
			r.watch(t, l, last)
		}
		r.append(t, l, l.v&^mask|v, o)
		return
	}
	i := len(l.msgs)
	for ; ; i-- {
		if r.gapBefore(l, i) {
			if alt == 0 {
				break
			}
			alt--
		}
	}
	r.insert(t, l, i, message{v: v}, o)
}

// insert makes msg message i of l, which t has then read.
func (r *ra) insert(t *thread, l *location, i int, msg message, o Order) {
	if i < len(l.msgs) {
		r.shift(l, i)
	}
	t.view.pos[l.id] = uint8(i)
	if o.releases() {
		if msg.view == nil {
			msg.view = r.copyOf(&t.view)
		} else {
			msg.view.join(&t.view, len(r.m.locs))
		}
		msg.view.pos[l.id] = 0 // reading the message says as much
	}
	l.msgs = slices.Insert(l.msgs, i, msg)
	if o == SeqCst {
		r.publish(t)
	}
	if l.watch>>t.id&1 != 0 {
		t.lastRead[l.id] = uint8(i) // its own store does not end its Pause
	}
	if i == len(l.msgs)-1 {
		r.m.set(t, l, msg.v)
	}
}

// maxMessages bounds the messages of a location.
const maxMessages = 32

// makeRoom makes l have fewer than maxMessages. If threads may still read all of them,
// it makes them forget the oldest.
func (r *ra) makeRoom(l *location) {
	if len(l.msgs) < maxMessages {
		return
	}
	r.prune(l)
	if len(l.msgs) < maxMessages {
		return
	}
	r.m.truncated++
	for _, t := range r.m.threads {
		t.view.pos[l.id] = max(t.view.pos[l.id], 1)
	}
	r.prune(l)
}

// shift adjusts all indices of messages of l to a new message i.
func (r *ra) shift(l *location, i int) {
	up := func(at *uint8) {
		if int(*at) >= i {
			*at++
		}
	}
	for _, t := range r.m.threads {
		up(&t.view.pos[l.id])
		up(&t.lastRead[l.id])
	}
	for _, v := range r.views[:r.used] {
		up(&v.pos[l.id])
	}
	up(&r.published[l.id])
}

// updates counts the messages that a read-modify-write may read. As a store may, it may
// go into a gap before later messages. If it is SeqCst it reads the newest, as a SeqCst
// store becomes the newest.
func (r *ra) updates(t *thread, l *location, o Order) int {
	if o == SeqCst {
		return 1
	}
	n := 0
	for i := len(l.msgs) - 1; i >= int(t.view.pos[l.id]); i-- {
		if r.canUpdate(t, l, i) {
			n++
		}
	}
	return n
}

// canUpdate reports whether the pending read-modify-write may read message i.
func (r *ra) canUpdate(t *thread, l *location, i int) bool {
	if r.gapBefore(l, i+1) {
		return true
	}
	_, writes := t.op.f(l.msgs[i].v)
	return !writes
}

// source returns the message that the pending read-modify-write reads.
func (r *ra) source(t *thread, l *location) int {
	for i, n := len(l.msgs)-1, 0; i >= int(t.view.pos[l.id]); i-- {
		if r.canUpdate(t, l, i) {
			if n == t.alt {
				return i
			}
			n++
		}
	}
	return len(l.msgs) - 1 // makeRoom has removed an alternative
}

func (r *ra) newest(t *thread, l *location) uint64 {
	if t.op.kind == opUpdate {
		r.makeRoom(l)
		return l.msgs[r.source(t, l)].v
	}
	return l.v
}

// update inserts the message of a read-modify-write.
func (r *ra) update(t *thread, l *location, v uint64, o Order) {
	i := r.source(t, l)
	r.read(t, l, i, o.acquires())
	if o == SeqCst {
		r.order(t)
	}
	if i == len(l.msgs)-1 {
		r.append(t, l, v, o)
		return
	}
	r.follow(t, l, i, v, o)
}

// follow makes the message of a read-modify-write that has read message i. It continues
// that message's release sequence.
func (r *ra) follow(t *thread, l *location, i int, v uint64, o Order) {
	msg := message{v: v, rmw: true}
	if w := l.msgs[i].view; w != nil {
		msg.view = r.copyOf(w)
	}
	r.insert(t, l, i+1, msg, o)
}

// append is the second half of a read-modify-write that has read the newest message.
func (r *ra) append(t *thread, l *location, v uint64, o Order) {
	last := len(l.msgs) - 1
	if r.same(t, l, v, o) {
		if o == SeqCst {
			r.publish(t)
		}
		return
	}
	r.follow(t, l, last, v, o)
}

// same reports whether a read-modify-write by t would append a message of l that has
// the same value and view as the newest. No message can come between the two, so no
// thread could tell them apart, and one will do. This makes polling by exchanges finite.
func (r *ra) same(t *thread, l *location, v uint64, o Order) bool {
	last := &l.msgs[len(l.msgs)-1]
	return v == last.v && (!o.releases() || t.view.below(last.view, l.id, len(r.m.locs)))
}

func (r *ra) failedUpdate(t *thread, l *location) { r.read(t, l, r.source(t, l), false) }

func (r *ra) readsNewest(t *thread, l *location) bool {
	return int(t.view.pos[l.id]) == len(l.msgs)-1
}

// plainWrite makes a plain write by t the newest message. refresh sets its value.
func (r *ra) plainWrite(t *thread, l *location) {
	r.makeRoom(l)
	r.insert(t, l, len(l.msgs), message{v: l.v}, Relaxed)
}

// pauses counts the alternatives of a Pause that ends. A polling thread reads a newer
// message after a finite number of rounds, so the rounds before are left out. If its
// view does not force it to read a newer message, the alternatives are the locations
// of which it could read one.
func (r *ra) pauses(t *thread) int {
	n := 0
	for _, l := range t.watched {
		if int(t.lastRead[l.id]) < len(l.msgs)-1 {
			if t.view.pos[l.id] > t.lastRead[l.id] {
				return 1
			}
			n++
		}
	}
	return n
}

func (r *ra) resume(t *thread, alt int) {
	for _, l := range t.watched {
		if t.view.pos[l.id] > t.lastRead[l.id] {
			return
		}
	}
	for _, l := range t.watched {
		if int(t.lastRead[l.id]) < len(l.msgs)-1 {
			if alt == 0 {
				t.view.pos[l.id]++
				return
			}
			alt--
		}
	}
}

func (r *ra) flush(*thread) {}

func (r *ra) forget(lo, hi int, mask *accessSet) {
	for _, v := range r.views[:r.used] {
		for i := lo; i <= hi; i++ {
			v.before[i] &^= mask[i]
		}
	}
}

// prune drops the messages of l that no thread can read, or put a store before, any
// more.
func (r *ra) prune(l *location) {
	low := len(l.msgs) - 1
	for _, t := range r.m.threads {
		if !t.done {
			low = min(low, int(t.view.pos[l.id]))
		}
	}
	if low == 0 {
		return
	}
	for _, t := range r.m.threads {
		if l.watch>>t.id&1 != 0 && int(t.lastRead[l.id]) < low {
			t.wakeUp() // it cannot read that message again
		}
		lower(&t.view.pos[l.id], low)
		lower(&t.lastRead[l.id], low)
	}
	for _, v := range r.views[:r.used] {
		lower(&v.pos[l.id], low)
	}
	lower(&r.published[l.id], low)
	l.msgs = slices.Delete(l.msgs, 0, low)
	l.msgs[0].rmw = false
}

func lower(at *uint8, by int) { *at -= min(*at, uint8(by)) }

func (r *ra) hash() uint64 {
	for _, l := range r.m.touched {
		if len(l.msgs) > 1 {
			r.prune(l)
		}
	}
	var h uint64
	for _, l := range r.m.touched {
		h += r.hashOf(l)
	}
	for _, t := range r.m.threads {
		if !t.done {
			h = mix(h, t.view.hash(len(r.m.locs)))
		}
	}
	return h
}

// hashOf is 0 for a location as it was before the execution.
func (r *ra) hashOf(l *location) uint64 {
	n := len(r.m.locs)
	if len(l.msgs) == 1 && r.published[l.id] == 0 && r.m.canonical(l, l.v) == l.init && l.msgs[0].viewless(n) {
		return 0
	}
	h := mix(uint64(l.id), uint64(r.published[l.id]))
	for i := range l.msgs {
		msg := &l.msgs[i]
		viewHash := uint64(0)
		if !msg.viewless(n) {
			viewHash = msg.view.hash(n)
		}
		h = mix(mix(mix(h, r.m.canonical(l, msg.v)), b2u(msg.rmw)), viewHash)
	}
	return h
}

// viewless reports whether the message's view is empty.
func (msg *message) viewless(locations int) bool {
	if msg.view != nil && msg.view.hash(locations) == 0 {
		msg.view = nil
	}
	return msg.view == nil
}
