// GET is answered with a known content, POST with its own, after the whole request: Go's net/http, in plaintext.
// Usage: server PORT
package main

import (
	"io"
	"log"
	"net/http"
	"os"
)

const knownBody = "A known body, the same for every request.\n"

func answer(writer http.ResponseWriter, request *http.Request) {
	content, err := io.ReadAll(request.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	switch request.Method {
	case "POST", "PUT", "PATCH":
	default:
		content = []byte(knownBody)
	}
	writer.Header().Set("Content-Type", "text/plain")
	_, _ = writer.Write(content)
}

func main() {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{
		Addr:      "127.0.0.1:" + os.Args[1],
		Handler:   http.HandlerFunc(answer),
		Protocols: protocols,
		ErrorLog:  log.New(io.Discard, "", 0),
	}
	log.Fatal(server.ListenAndServe())
}
