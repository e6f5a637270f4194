//go:build race

package rqlock

const raceEnabled = true
