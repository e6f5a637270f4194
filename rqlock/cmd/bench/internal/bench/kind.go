package bench

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"
)

// kindOf names the kind of a machine, which becomes the name of a folder: the processor's
// brand, and its design where that is known. info is /proc/cpuinfo.
func kindOf(info, goos, goarch string) string {
	brand := slug(cpuField(info, "model name"))
	switch {
	case cpuField(info, "CPU implementer") == "0x41":
		return cmp.Or(armCores[cpuField(info, "CPU part")], goarch)
	case brand == "" && goos == "linux":
		return goarch
	case brand == "":
		return goos + "-" + goarch
	}
	if cpuField(info, "vendor_id") == "AuthenticAMD" {
		brand += zen(atoi(cpuField(info, "cpu family")), atoi(cpuField(info, "model")))
	}
	return brand
}

// armCores are cores of servers by their number in the register MIDR_EL1.
var armCores = map[string]string{
	"0xd0c": "arm-neoverse-n1", "0xd40": "arm-neoverse-v1", "0xd49": "arm-neoverse-n2",
	"0xd4f": "arm-neoverse-v2", "0xd83": "arm-neoverse-v3", "0xd8e": "arm-neoverse-n3",
}

// zen returns the suffix for a generation of AMD's processors. A hypervisor may hide their
// names, but rarely the family and model.
func zen(family, model int) string {
	switch {
	case family == 0x17 && model < 0x30:
		return "-zen1"
	case family == 0x17:
		return "-zen2"
	case family == 0x19 && (model&0xf0 == 0x10 || model&0xf0 == 0x60 || model&0xf0 == 0x70 || model&0xf0 == 0xa0):
		return "-zen4"
	case family == 0x19:
		return "-zen3"
	case family == 0x1a && model&0xf0 != 0x50 && model < 0x80:
		return "-zen5"
	}
	return ""
}

var (
	noise    = regexp.MustCompile(`\([^)]*\)|@.*|\b(Processor|CPU|Gen)\b|\S*[0-9]\S*`)
	notWords = regexp.MustCompile(`[^a-z]+`)
)

// slug leaves the words of a processor's name, without what tells models of one kind apart.
func slug(name string) string {
	words := strings.ToLower(noise.ReplaceAllString(name, " "))
	return strings.Trim(notWords.ReplaceAllString(words, "-"), "-")
}

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return -1
	}
	return n
}

// kindName is what the flag -machine accepts: a folder's name without surprises.
var kindName = regexp.MustCompile(`^[a-z0-9]+([.-][a-z0-9]+)*$`)
