// What the analyzer is tested on.
module rqvet.test

go 1.26.0

require github.com/rqlock/rqlock v0.0.0

require golang.org/x/sys v0.49.0 // indirect

replace github.com/rqlock/rqlock => ../../..
