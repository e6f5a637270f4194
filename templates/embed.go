// Package templates holds the generated text that is neither Go built by
// jennifer nor assembly built by avo: the reference page, one-line stubs, and
// Go files that differ between packages in the package clause only.
package templates

import "embed"

// FS has the templates by file name; see package text/template.
//
//go:embed *.tmpl
var FS embed.FS
