// Command server serves helloworld.Greeter with grpc-go, for interop/matrix.py.
//
// It listens on 127.0.0.1, prints "LISTENING host:port" as its first line and
// stops on SIGTERM, on SIGINT or when its standard input ends, so that it
// cannot outlive the harness. What it answers is what interop/cases.py says.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	pb "google.golang.org/grpc/examples/helloworld/helloworld"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// failureDetails needs percent-encoding on the wire: it has a non-ASCII letter,
// a line break and a sign outside Latin-1.
const failureDetails = "nicht möglich\n☺"

type greeter struct {
	pb.UnimplementedGreeterServer
}

func (greeter) SayHello(ctx context.Context, request *pb.HelloRequest) (*pb.HelloReply, error) {
	received, _ := metadata.FromIncomingContext(ctx)
	if values := received.Get("x-echo"); len(values) > 0 {
		if err := grpc.SetHeader(ctx, metadata.MD{"x-echo": values}); err != nil {
			return nil, err
		}
	}
	if values := received.Get("x-echo-bin"); len(values) > 0 {
		if err := grpc.SetTrailer(ctx, metadata.MD{"x-echo-bin": values}); err != nil {
			return nil, err
		}
	}
	switch request.GetName() {
	case "error":
		return nil, status.Error(codes.FailedPrecondition, failureDetails)
	case "sleep":
		<-ctx.Done()
		return nil, status.FromContextError(ctx.Err()).Err()
	}
	return &pb.HelloReply{Message: "Hello " + request.GetName()}, nil
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("grpc_go server: ")
	port := flag.Int("port", 0, "port to listen on; 0 lets the system choose")
	flag.Parse()

	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(*port)))
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	pb.RegisterGreeterServer(server, greeter{})

	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	go func() {
		<-stop.Done()
		server.Stop()
	}()

	fmt.Printf("LISTENING %s\n", listener.Addr())
	if err := server.Serve(listener); err != nil {
		log.Fatal(err)
	}
}
