// What the analyzer is tested on.
module rqvet.test

go 1.25.0

require github.com/rqlock/rqlock v0.0.0

require golang.org/x/sys v0.39.0 // indirect

replace github.com/rqlock/rqlock => ../../..
