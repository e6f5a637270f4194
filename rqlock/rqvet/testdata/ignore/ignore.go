// Package ignore silences findings by comments.
package ignore

import "github.com/rqlock/rqlock/rqlock"

var l, m rqlock.Mutex

func silenced() {
	//rqvet:ignore ignorederr nobody else knows this lock yet
	l.Lock()
	l.Unlock()
	l.Lock() //rqvet:ignore ignorederr nor here
	l.Unlock()
}

func nextLine() {
	l.Lock() //rqvet:ignore ignorederr this line only
	m.Lock() // want `ignorederr`
	m.Unlock()
	l.Unlock()
}

func otherRule() {
	//rqvet:ignore leak it is the error that is ignored // want `nothing is found here.*leak.*badignore`
	l.Lock() // want `ignorederr`
	l.Unlock()
}

func noReason() {
	//rqvet:ignore ignorederr // want `an ignored finding needs a reason.*badignore`
	l.Lock() // want `ignorederr`
	l.Unlock()
}

func noRule() {
	//rqvet:ignore everything because I say so // want `no rule is called "everything".*badignore`
	l.Lock() // want `ignorederr`
	l.Unlock()
}

//rqvet:ignored is another word

// tooMany has more paths than are followed, so that nothing is known of the comment.
func tooMany(all *[7]rqlock.Mutex) {
	if all[0].TryLock() {
		defer all[0].Unlock()
	}
	if all[1].TryLock() {
		defer all[1].Unlock()
	}
	if all[2].TryLock() {
		defer all[2].Unlock()
	}
	if all[3].TryLock() {
		defer all[3].Unlock()
	}
	if all[4].TryLock() {
		defer all[4].Unlock()
	}
	if all[5].TryLock() {
		defer all[5].Unlock()
	}
	if all[6].TryLock() {
		defer all[6].Unlock()
	}
	l.Lock() //rqvet:ignore ignorederr nobody else knows this lock yet
	l.Unlock()
}
