package rqhttp_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/rqlock/rqlock/rqlock/rqhttp"
)

// A program that has a mux of its own mounts the pages there. One that serves the default mux
// need only import the package.
func Example() {
	mux := http.NewServeMux()
	mux.Handle("/debug/rqlock/", rqhttp.Handler())
	server := httptest.NewServer(mux)
	defer server.Close()

	page, err := http.Get(server.URL + "/debug/rqlock/text")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer page.Body.Close()
	text, err := io.ReadAll(page.Body)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, says, _ := strings.Cut(string(text), "Z: ")
	fmt.Print(says)
	// Output: 0 goroutines wait, in 0 cycles
}
