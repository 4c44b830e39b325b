// Package browser tests the page of package page in Chromium, with the embedded model
// behind it. It is a module of its own, so that the library's does not need chromedp.
// make test-page runs it; without Chromium its tests skip.
package browser
