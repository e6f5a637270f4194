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
