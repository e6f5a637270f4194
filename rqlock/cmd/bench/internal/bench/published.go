package bench

// This file has results that were published for the kernel's lock, in the cover letter of
// "Resilient Queued Spin Lock", v2. They compare a kernel in which all spin locks have
// rqspinlock's slow path (RQL) with the same kernel with qspinlock (QL). x86 is two Xeon
// Platinum 8468 with 192 threads in two NUMA nodes. arm64 is Ampere Max with 2 x 128 cores
// (Neoverse N1).

// A published is a published table. The points up to 64 threads are here.
type published struct {
	bench, arch          string
	count                int     // points of the whole table
	geomean, worst, best float64 // of RQL/QL over the whole table
	points               []point
}

// A point has million operations in 30 s for locktorture, and thousand operations a second
// for the other benchmarks.
type point struct {
	threads int
	ql, rql float64
}

func (p point) ratio() float64 { return p.rql / p.ql }

var publishedTables = []published{
	{"locktorture", "x86", 27, 0.939, 0.76, 1.39, []point{
		{1, 46.91, 45.057}, {2, 29.871, 25.085}, {4, 13.876, 19.243}, {8, 14.638, 13.347}, {16, 14.381, 14.105}, {32, 19.494, 17.827}, {64, 30.041, 27.421},
	}},
	{"locktorture", "arm64", 35, 0.979, 0.72, 1.39, []point{
		{1, 43.32, 44.718}, {2, 21.057, 29.255}, {4, 16.04, 11.564}, {8, 12.786, 12.839}, {16, 13.646, 13.437}, {32, 16.456, 14.6}, {64, 18.105, 16.009},
	}},
	{"open1", "x86", 27, 0.998, 0.70, 1.31, []point{
		{1, 1396, 1367}, {2, 1844, 1700}, {4, 2371, 1656}, {8, 2185, 1691}, {16, 2111, 1782}, {32, 1739, 1829}, {64, 1170, 1287},
	}},
	{"open2", "x86", 27, 1.003, 0.80, 1.15, []point{
		{1, 1338, 1333}, {2, 1598, 1772}, {4, 1737, 1397}, {8, 1794, 1917}, {16, 1991, 1864}, {32, 1955, 1936}, {64, 1143, 1317},
	}},
	{"lock1", "x86", 27, 0.946, 0.77, 1.11, []point{
		{1, 4307, 4253}, {2, 7702, 7219}, {4, 14782, 15261}, {8, 12950, 9955}, {16, 12948, 10865}, {32, 9652, 9344}, {64, 5947, 6572},
	}},
	{"lock2", "x86", 27, 0.958, 0.82, 1.29, []point{
		{1, 4316, 4293}, {2, 3500, 4508}, {4, 3639, 3673}, {8, 3715, 4056}, {16, 4189, 4316}, {32, 3821, 3710}, {64, 2620, 2650},
	}},
	{"open1", "arm64", 35, 1.017, 0.95, 1.08, []point{
		{1, 844, 805}, {2, 1309, 1265}, {4, 2113, 2041}, {8, 1917, 2040}, {16, 1836, 1937}, {32, 1835, 1929}, {64, 1685, 1676},
	}},
	{"open2", "arm64", 35, 1.004, 0.95, 1.07, []point{
		{1, 819, 774}, {2, 1281, 1238}, {4, 2059, 1985}, {8, 1920, 1912}, {16, 1944, 1979}, {32, 1965, 1915}, {64, 1627, 1686},
	}},
	{"lock1", "arm64", 35, 0.986, 0.83, 1.05, []point{
		{1, 2512, 2085}, {2, 4840, 4327}, {4, 9359, 8468}, {8, 9374, 8635}, {16, 9527, 8561}, {32, 8458, 8700}, {64, 8335, 7979},
	}},
	{"lock2", "arm64", 35, 0.968, 0.83, 1.22, []point{
		{1, 2499, 2076}, {2, 3888, 4057}, {4, 3445, 3870}, {8, 4311, 3931}, {16, 3995, 3953}, {32, 3975, 3719}, {64, 3515, 3493},
	}},
}

// publishedTable returns the published table of a benchmark on an architecture.
func publishedTable(bench, arch string) published {
	for _, p := range publishedTables {
		if p.bench == bench && p.arch == arch {
			return p
		}
	}
	panic("nothing published for " + bench + " on " + arch)
}

// at returns the published ratio for a number of threads.
func (p published) at(threads int) float64 {
	for _, pt := range p.points {
		if pt.threads == threads {
			return pt.ratio()
		}
	}
	panic("no such point")
}
