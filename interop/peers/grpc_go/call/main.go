// Command call makes one UnaryCall of grpc.testing.TestService with grpc-go, for
// `python -m interop conformance client --grpc`, and prints how it ended:
//
//	reply SIZE                  the octets in the payload of the reply
//	status CODE MESSAGE         the status, as a number, and its message, percent-encoded
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net/url"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
)

func main() {
	timeout := flag.Float64("timeout", 0, "the deadline, in seconds (default: none)")
	authority := flag.String("tls-ca", "", "speak TLS, and trust this authority, in PEM")
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatalf("usage: %s [-timeout S] [-tls-ca FILE] HOST:PORT", os.Args[0])
	}
	security := insecure.NewCredentials()
	if *authority != "" {
		trusted, err := credentials.NewClientTLSFromFile(*authority, "")
		if err != nil {
			log.Fatal(err)
		}
		security = trusted
	}
	conn, err := grpc.NewClient(flag.Arg(0), grpc.WithTransportCredentials(security))
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	ctx := context.Background()
	if *timeout > 0 {
		limited, cancel := context.WithTimeout(ctx, time.Duration(*timeout*float64(time.Second)))
		defer cancel()
		ctx = limited
	}
	reply, err := pb.NewTestServiceClient(conn).UnaryCall(ctx, &pb.SimpleRequest{})
	if err == nil {
		fmt.Printf("reply %d\n", len(reply.GetPayload().GetBody()))
	}
	ended := status.Convert(err)
	fmt.Printf("status %d %s\n", ended.Code(), url.PathEscape(ended.Message()))
}
