// Command client runs the helloworld checks of interop/cases.py with grpc-go.
//
// It prints one JSON line per check, {"check", "ok", "detail"}, in the order of
// the table below, and exits with 0 if every check held, else with 1.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/examples/helloworld/helloworld"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const (
	failureDetails      = "nicht möglich\n☺"
	callTimeout         = 20 * time.Second
	shortTimeout        = 200 * time.Millisecond
	largeNameBytes      = 1 << 20
	concurrentCalls     = 100
	unimplementedMethod = "/helloworld.Greeter/NoSuchMethod"
)

// A check makes its calls and says what it saw; an error says what was wrong.
type check struct {
	name string
	run  func(context.Context, *grpc.ClientConn) (string, error)
}

var checks = []check{
	{"greeting", greeting},
	{"metadata_echo", metadataEcho},
	{"error_status", errorStatus},
	{"unimplemented", unimplemented},
	{"deadline", deadline},
	{"large_message", largeMessage},
	{"concurrent", concurrent},
}

func sayHello(ctx context.Context, conn *grpc.ClientConn, name string, options ...grpc.CallOption) (string, error) {
	reply, err := pb.NewGreeterClient(conn).SayHello(ctx, &pb.HelloRequest{Name: name}, options...)
	return reply.GetMessage(), err
}

func greeting(ctx context.Context, conn *grpc.ClientConn) (string, error) {
	message, err := sayHello(ctx, conn, "world")
	if err != nil {
		return "", err
	}
	if message != "Hello world" {
		return "", fmt.Errorf("the reply is %q", message)
	}
	return message, nil
}

func metadataEcho(ctx context.Context, conn *grpc.ClientConn) (string, error) {
	// Every octet, once; no multiple of three, so base64 needs its padding rule.
	octets := make([]byte, 256)
	for i := range octets {
		octets[i] = byte(i)
	}
	ctx = metadata.AppendToOutgoingContext(ctx, "x-echo", "plain text", "x-echo-bin", string(octets))
	var initial, trailing metadata.MD
	if _, err := sayHello(ctx, conn, "metadata", grpc.Header(&initial), grpc.Trailer(&trailing)); err != nil {
		return "", err
	}
	if got := initial.Get("x-echo"); !slices.Equal(got, []string{"plain text"}) {
		return "", fmt.Errorf("initial metadata x-echo is %q", got)
	}
	if got := trailing.Get("x-echo-bin"); len(got) != 1 || !bytes.Equal([]byte(got[0]), octets) {
		return "", fmt.Errorf("trailing metadata x-echo-bin is %q", got)
	}
	return "x-echo initial, 256 octets of x-echo-bin trailing", nil
}

// wantStatus holds the outcome of a call against the code it should have.
func wantStatus(err error, code codes.Code) (*status.Status, error) {
	if err == nil {
		return nil, fmt.Errorf("the call succeeded; %v was due", code)
	}
	seen := status.Convert(err)
	if seen.Code() != code {
		return nil, fmt.Errorf("status %v, %q; %v was due", seen.Code(), seen.Message(), code)
	}
	return seen, nil
}

func errorStatus(ctx context.Context, conn *grpc.ClientConn) (string, error) {
	_, err := sayHello(ctx, conn, "error")
	seen, err := wantStatus(err, codes.FailedPrecondition)
	if err != nil {
		return "", err
	}
	if seen.Message() != failureDetails {
		return "", fmt.Errorf("details are %q", seen.Message())
	}
	return fmt.Sprintf("FAILED_PRECONDITION %q", seen.Message()), nil
}

func unimplemented(ctx context.Context, conn *grpc.ClientConn) (string, error) {
	err := conn.Invoke(ctx, unimplementedMethod, &pb.HelloRequest{Name: "nobody"}, &pb.HelloReply{})
	seen, err := wantStatus(err, codes.Unimplemented)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("UNIMPLEMENTED %q", seen.Message()), nil
}

func deadline(ctx context.Context, conn *grpc.ClientConn) (string, error) {
	short, cancel := context.WithTimeout(ctx, shortTimeout)
	defer cancel()
	_, err := sayHello(short, conn, "sleep")
	if _, err := wantStatus(err, codes.DeadlineExceeded); err != nil {
		return "", err
	}
	// The connection must have survived the call that was given up.
	if _, err := sayHello(ctx, conn, "after"); err != nil {
		return "", fmt.Errorf("the call after it: %w", err)
	}
	return "DEADLINE_EXCEEDED, and the next call succeeds", nil
}

func largeMessage(ctx context.Context, conn *grpc.ClientConn) (string, error) {
	name := strings.Repeat("0123456789abcdef", largeNameBytes/16)
	message, err := sayHello(ctx, conn, name)
	if err != nil {
		return "", err
	}
	if message != "Hello "+name {
		return "", fmt.Errorf("a reply of %d octets that is not the name of %d", len(message), len(name))
	}
	return fmt.Sprintf("%d octets there and back", len(name)), nil
}

func concurrent(ctx context.Context, conn *grpc.ClientConn) (string, error) {
	var group sync.WaitGroup
	errs := make([]error, concurrentCalls)
	for i := range concurrentCalls {
		group.Go(func() {
			name := fmt.Sprintf("caller %d", i)
			message, err := sayHello(ctx, conn, name)
			if err == nil && message != "Hello "+name {
				err = fmt.Errorf("the reply to %q is %q", name, message)
			}
			errs[i] = err
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d calls at once", concurrentCalls), nil
}

// choose gives the named check alone; without a name, all.
func choose(name string) ([]check, error) {
	if name == "" {
		return checks, nil
	}
	for _, each := range checks {
		if each.name == name {
			return []check{each}, nil
		}
	}
	return nil, fmt.Errorf("no check is named %q", name)
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("grpc_go client: ")
	address := flag.String("addr", "", "host:port of the server")
	only := flag.String("check", "", "the name of a check to make alone")
	flag.Parse()
	if *address == "" {
		log.Fatal("--addr host:port is missing")
	}
	chosen, err := choose(*only)
	if err != nil {
		log.Fatal(err)
	}

	conn, err := grpc.NewClient(
		"passthrough:///"+*address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()

	exitStatus := 0
	output := json.NewEncoder(os.Stdout)
	output.SetEscapeHTML(false)
	for _, check := range chosen {
		ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
		detail, err := check.run(ctx, conn)
		cancel()
		if err != nil {
			detail, exitStatus = err.Error(), 1
		}
		line := struct {
			Check  string `json:"check"`
			OK     bool   `json:"ok"`
			Detail string `json:"detail"`
		}{check.name, err == nil, detail}
		if err := output.Encode(line); err != nil {
			log.Fatal(err)
		}
	}
	if exitStatus != 0 {
		conn.Close()
		os.Exit(exitStatus)
	}
}
