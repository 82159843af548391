//go:build tools

// Package programs names what is built here: the official interop programs of
// grpc-go, as they are. The imports keep them and what they need in go.mod and
// go.sum; the build tag keeps them out of every build of this package.
package programs

import (
	_ "google.golang.org/grpc/interop/client"
	_ "google.golang.org/grpc/interop/http2"
	_ "google.golang.org/grpc/interop/server"
)
