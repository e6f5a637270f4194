// Package gallery explores the locks of gen/gallery. Its tests run gen's copies of them, in
// the packages below.
package gallery
