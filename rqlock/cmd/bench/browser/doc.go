// Package browser has tests alone: of what package rqhttp shows, in a real browser.
//
//	go test ./browser                                          # with Chromium
//	go test ./browser -run Picture -picture ../../../docs/debug-page.png
//
// axe-core, which finds what keeps people from using a page, comes from npm at the first run.
package browser
