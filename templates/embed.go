// Package templates has the generated text that is neither Go built by jennifer
// nor assembly built by avo: the reference page, the stubs of other architectures,
// and Go files in which little depends on the table.
package templates

import "embed"

// FS has the templates by file name; see package text/template.
//
//go:embed *.tmpl
var FS embed.FS
