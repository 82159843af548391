// Command bench is grpc-go's side of benchmarks/: a server and a client of
// bench.Bench, whose messages are plain octets.
//
//	bench server [-tls FOLDER]         prints its port and serves until it is ended
//	bench client [-tls FOLDER] -port PORT
//	                                   carries out orders, each a line of JSON, and
//	                                   answers each with a line of JSON
//
// benchmarks/workloads.py says what the methods do, benchmarks/stacks what the
// orders are.
package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"path/filepath"
	"sort"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

const prefix = "/bench.Bench/"

// octets sends messages as they are, without a serializer, as with the other stacks.
type octets struct{}

func (octets) Name() string                       { return "proto" }
func (octets) Marshal(v any) ([]byte, error)      { return *v.(*[]byte), nil }
func (octets) Unmarshal(data []byte, v any) error { *v.(*[]byte) = data; return nil }

func echo(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	request := new([]byte)
	if err := decode(request); err != nil {
		return nil, err
	}
	return request, nil
}

func repeat(_ any, stream grpc.ServerStream) error {
	var request []byte
	if err := stream.RecvMsg(&request); err != nil {
		return err
	}
	message := make([]byte, binary.BigEndian.Uint32(request[4:]))
	for count := binary.BigEndian.Uint32(request); count > 0; count-- {
		if err := stream.SendMsg(&message); err != nil {
			return err
		}
	}
	return nil
}

func collect(_ any, stream grpc.ServerStream) error {
	for {
		var request []byte
		err := stream.RecvMsg(&request)
		if err == io.EOF {
			return stream.SendMsg(new([]byte))
		}
		if err != nil {
			return err
		}
	}
}

func pingPong(_ any, stream grpc.ServerStream) error {
	for {
		var request []byte
		err := stream.RecvMsg(&request)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := stream.SendMsg(&request); err != nil {
			return err
		}
	}
}

var service = grpc.ServiceDesc{
	ServiceName: "bench.Bench",
	HandlerType: (*any)(nil),
	Methods:     []grpc.MethodDesc{{MethodName: "Echo", Handler: echo}},
	Streams: []grpc.StreamDesc{
		{StreamName: "Repeat", Handler: repeat, ServerStreams: true},
		{StreamName: "Collect", Handler: collect, ClientStreams: true},
		{StreamName: "PingPong", Handler: pingPong, ServerStreams: true, ClientStreams: true},
	},
}

func serve(folder string) error {
	options := []grpc.ServerOption{grpc.ForceServerCodec(octets{})}
	if folder != "" {
		chain, key := filepath.Join(folder, "server1.pem"), filepath.Join(folder, "server1.key")
		security, err := credentials.NewServerTLSFromFile(chain, key)
		if err != nil {
			return err
		}
		options = append(options, grpc.Creds(security))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := grpc.NewServer(options...)
	server.RegisterService(&service, nil)
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	return server.Serve(listener)
}

// order is what the harness wants: a workload for Number seconds, or Number things to open and to keep.
type order struct {
	Name        string
	Number      float64
	Kind        string
	Size        uint32
	Count       uint32
	Concurrency int
}

type latencies struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
}

type answer struct {
	Operations  int        `json:"operations"`
	LatenciesUS *latencies `json:"latencies_us,omitempty"`
	Error       string     `json:"error,omitempty"`
}

type client struct {
	connect func() (*grpc.ClientConn, error)
	conn    *grpc.ClientConn
	held    []any
}

// worker makes the calls of one order until the time is over, one after the other.
type worker struct {
	*client
	order
	end        time.Time
	operations int
	times      []time.Duration
}

func (w *worker) over(before time.Time) time.Time {
	now := time.Now()
	w.times = append(w.times, now.Sub(before))
	w.operations++
	return now
}

func (w *worker) run() error {
	works := map[string]func(context.Context, []byte) error{
		"Echo": w.unary, "connect": w.reconnect, "Repeat": w.download, "Collect": w.upload, "PingPong": w.pingPong,
	}
	work, known := works[w.Kind]
	if !known {
		return fmt.Errorf("nothing here does %q", w.Kind)
	}
	for time.Now().Before(w.end) || w.operations == 0 {
		ctx, cancel := context.WithCancel(context.Background())
		err := work(ctx, make([]byte, w.Size))
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *worker) unary(ctx context.Context, message []byte) error {
	before := time.Now()
	for before.Before(w.end) || w.operations == 0 {
		var response []byte
		if err := w.conn.Invoke(ctx, prefix+"Echo", &message, &response); err != nil {
			return err
		}
		before = w.over(before)
	}
	return nil
}

func (w *worker) reconnect(ctx context.Context, message []byte) error {
	before := time.Now()
	conn, err := w.connect()
	if err != nil {
		return err
	}
	var response []byte
	err = conn.Invoke(ctx, prefix+"Echo", &message, &response)
	conn.Close()
	w.over(before)
	return err
}

func (w *worker) download(ctx context.Context, _ []byte) error {
	stream, err := w.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, prefix+"Repeat")
	if err != nil {
		return err
	}
	request := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w.Count), w.Size)
	if err := stream.SendMsg(&request); err != nil {
		return err
	}
	stream.CloseSend()
	for {
		var response []byte
		err := stream.RecvMsg(&response)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		w.operations++
	}
}

func (w *worker) upload(ctx context.Context, message []byte) error {
	stream, err := w.conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true}, prefix+"Collect")
	if err != nil {
		return err
	}
	for range w.Count {
		if err := stream.SendMsg(&message); err != nil {
			return err
		}
	}
	stream.CloseSend()
	var response []byte
	if err := stream.RecvMsg(&response); err != nil {
		return err
	}
	w.operations += int(w.Count)
	return nil
}

func (c *client) openStream(ctx context.Context) (grpc.ClientStream, error) {
	return c.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, prefix+"PingPong")
}

func exchange(stream grpc.ClientStream, message []byte) error {
	var response []byte
	if err := stream.SendMsg(&message); err != nil {
		return err
	}
	return stream.RecvMsg(&response)
}

func (w *worker) pingPong(ctx context.Context, message []byte) error {
	stream, err := w.openStream(ctx)
	if err != nil {
		return err
	}
	before := time.Now()
	for range w.Count {
		if err := exchange(stream, message); err != nil {
			return err
		}
		before = w.over(before)
	}
	stream.CloseSend()
	if err := stream.RecvMsg(new([]byte)); err != io.EOF {
		return fmt.Errorf("the stream did not end: %v", err)
	}
	return nil
}

func (c *client) measure(wanted order) (answer, error) {
	end := time.Now().Add(time.Duration(wanted.Number * float64(time.Second)))
	workers := make([]worker, wanted.Concurrency)
	errors := make([]error, wanted.Concurrency)
	var group sync.WaitGroup
	for index := range workers {
		workers[index] = worker{client: c, order: wanted, end: end}
		group.Add(1)
		go func() {
			defer group.Done()
			errors[index] = workers[index].run()
		}()
	}
	group.Wait()
	var told answer
	var times []time.Duration
	for index := range workers {
		if errors[index] != nil {
			return told, errors[index]
		}
		told.Operations += workers[index].operations
		times = append(times, workers[index].times...)
	}
	if len(times) > 0 {
		sort.Slice(times, func(i, j int) bool { return times[i] < times[j] })
		at := func(share float64) float64 {
			return float64(times[int(share*float64(len(times)-1))].Nanoseconds()) / 1000
		}
		told.LatenciesUS = &latencies{at(0.50), at(0.99)}
	}
	return told, nil
}

func (c *client) hold(wanted order) (answer, error) {
	message := make([]byte, 100)
	for range int(wanted.Number) {
		switch wanted.Name {
		case "open-streams":
			stream, err := c.openStream(context.Background())
			if err == nil {
				err = exchange(stream, message)
			}
			if err != nil {
				return answer{}, err
			}
			c.held = append(c.held, stream)
		case "idle-connections":
			conn, err := c.connect()
			if err == nil {
				var response []byte
				err = conn.Invoke(context.Background(), prefix+"Echo", &message, &response)
			}
			if err != nil {
				return answer{}, err
			}
			c.held = append(c.held, conn)
		}
	}
	return answer{Operations: int(wanted.Number)}, nil
}

func call(folder, port string) error {
	security := insecure.NewCredentials()
	if folder != "" {
		trusted, err := credentials.NewClientTLSFromFile(filepath.Join(folder, "ca.pem"), "")
		if err != nil {
			return err
		}
		security = trusted
	}
	connect := func() (*grpc.ClientConn, error) {
		codec := grpc.WithDefaultCallOptions(grpc.ForceCodec(octets{}))
		return grpc.NewClient("127.0.0.1:"+port, grpc.WithTransportCredentials(security), codec)
	}
	conn, err := connect()
	if err != nil {
		return err
	}
	caller := client{connect: connect, conn: conn}
	lines, answers := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var wanted order
		if err := json.Unmarshal(lines.Bytes(), &wanted); err != nil {
			return err
		}
		carryOut := caller.measure
		if wanted.Kind == "" {
			carryOut = caller.hold
		}
		told, err := carryOut(wanted)
		if err != nil {
			told = answer{Error: err.Error()}
		}
		if err := answers.Encode(told); err != nil {
			return err
		}
	}
	return lines.Err()
}

func main() {
	log.SetFlags(0)
	if len(os.Args) < 2 {
		log.Fatal("usage: bench server|client [-tls FOLDER] [-port PORT]")
	}
	folder := flag.String("tls", "", "the folder with the certificate; without it, no TLS")
	port := flag.String("port", "", "the server's, for a client")
	flag.CommandLine.Parse(os.Args[2:])
	var err error
	switch os.Args[1] {
	case "server":
		err = serve(*folder)
	case "client":
		err = call(*folder, *port)
	default:
		err = fmt.Errorf("neither server nor client: %q", os.Args[1])
	}
	if err != nil {
		log.Fatal(err)
	}
}
