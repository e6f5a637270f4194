// Package release has no code of its own. Its test proves that the module can be
// used once it is published: it serves the tree as a tagged version and does in
// empty modules what users do.
package release
