// One GET over HTTP/2 with Go's net/http; the content goes to standard output. Usage: client URL
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
)

func main() {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	client := &http.Client{Transport: &http.Transport{Protocols: protocols}}
	response, err := client.Get(os.Args[1])
	var content []byte
	if err == nil {
		content, err = io.ReadAll(response.Body)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_, _ = os.Stdout.Write(content)
}
