//go:build !race

package asm

func RaceDisable() {}
func RaceEnable()  {}
