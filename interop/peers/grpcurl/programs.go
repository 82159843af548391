//go:build tools

// Package programs names what is built here: grpcurl, as it is. The import keeps
// it and what it needs in go.mod and go.sum; the build tag keeps it out of every
// build of this package.
package programs

import (
	_ "github.com/fullstorydev/grpcurl/cmd/grpcurl"
)
