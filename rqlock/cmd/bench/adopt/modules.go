package main

import "time"

// A module adopts the locks.
type module struct {
	name, path, version string

	packages []string // whose tests run, and whose imports are changed; of a large module some
	swap     []string // whose imports are changed, if there are more
	run      string   // which tests of those run; "" = all
	skip     string   // which of those do not, since they fail now and then without the locks as well
	short    bool
	bench    string        // its benchmarks that are bound by its locks; "" = none
	limit    time.Duration // for one run of the tests
}

// modules are what is tried. Their versions are fixed, so that anyone gets the same result.
var modules = []module{
	{name: "golang-lru", path: "github.com/hashicorp/golang-lru/v2", version: "v2.0.7", packages: []string{"./..."}, bench: "LRU_|2Q_", limit: time.Minute},
	{name: "ristretto", path: "github.com/dgraph-io/ristretto/v2", version: "v2.4.2", packages: []string{"."}, swap: []string{"./..."}, run: "Test(Store|Policy|Ring|Sketch|Metrics|CacheKey|CacheProcess|CacheSet|CacheGet|CacheDel)", bench: "Store", limit: 2 * time.Minute},
	{name: "yamux", path: "github.com/hashicorp/yamux", version: "v0.1.2", packages: []string{"."}, skip: "TestSendData_VeryLarge|TestKeepAlive$", limit: 2 * time.Minute},
	{name: "memberlist", path: "github.com/hashicorp/memberlist", version: "v0.7.0", packages: []string{"."}, swap: []string{"./..."}, skip: "TestSuspicion_Timer$|TestShuffleNodes$|TestMemberList_Ping$|TestMemberlist_Join_IPv6$|TestMemberlist_JoinDifferentNetworksMultiMasks$", limit: 2 * time.Minute},
	{name: "raft", path: "github.com/hashicorp/raft", version: "v1.8.0", packages: []string{"."}, run: "TestRaft_(Basic|Leader|Snapshot|Apply|Barrier|Join|Remove)|TestInmem|TestNetworkTransport", skip: "TestNetworkTransport_AppendEntriesPipeline_CloseStreams|TestRaft_LeadershipTransferLeaderReplicationTimeout|TestRaft_ApplyConcurrent_Timeout|TestRaft_SnapshotRestore$", limit: 3 * time.Minute},
	{name: "bbolt", path: "go.etcd.io/bbolt", version: "v1.5.0", packages: []string{"."}, swap: []string{"./..."}, run: "TestDB|TestTx|TestOpen|TestCursor", short: true, limit: 3 * time.Minute},
	{name: "badger", path: "github.com/dgraph-io/badger/v4", version: "v4.9.6", packages: []string{"./y", "./skl", "./table", "."}, swap: []string{"./..."}, run: "TestTxn|TestWrite|TestGet|TestIterat|TestBasic|TestTable|TestWatermark|TestValue", short: true, limit: 4 * time.Minute},
	{name: "client_golang", path: "github.com/prometheus/client_golang", version: "v1.25.0", packages: []string{"./prometheus/..."}, limit: 3 * time.Minute},
	{name: "nats-server", path: "github.com/nats-io/nats-server/v2", version: "v2.15.3", packages: []string{"./server"}, swap: []string{"./..."}, run: "TestSublist|TestClient(Connect|Simple|Pub|Unsub|Ping|RemoveSubs)|TestAccount(Simple|Isolation|Parse)", short: true, limit: 3 * time.Minute},
}
