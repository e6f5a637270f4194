// Package rqlock has a lock that fails instead of hanging.
package rqlock
