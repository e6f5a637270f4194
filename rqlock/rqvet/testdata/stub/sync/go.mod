module github.com/rqlock/rqlock/rqlock/sync

go 1.25.0
