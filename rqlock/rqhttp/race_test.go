//go:build race

package rqhttp

const raceEnabled = true
