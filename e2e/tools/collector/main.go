// A collector of traces: it takes what is posted to /v1/traces by OTLP over HTTP, reads it by the published messages, and
// writes one line of JSON for each request. What it cannot read it refuses, and fields that the messages do not have too.
// It writes where it listens into the file that is named.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	trace "go.opentelemetry.io/proto/otlp/trace/v1"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(os.Args[1], []byte(listener.Addr().String()), 0o600); err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("POST /v1/traces", func(w http.ResponseWriter, r *http.Request) {
		line, err := read(r)
		if err != nil {
			log.Print(err)
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		os.Stdout.Write(append(line, '\n'))
	})
	log.Fatal(http.Serve(listener, nil))
}

func read(r *http.Request) ([]byte, error) {
	if media := r.Header.Get("Content-Type"); media != "application/x-protobuf" {
		return nil, fmt.Errorf("the media type is %q", media)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	// The same on the wire as the request of the service, whose package brings gRPC along.
	data := &trace.TracesData{}
	if err := proto.Unmarshal(body, data); err != nil {
		return nil, err
	}
	if err := known(data.ProtoReflect()); err != nil {
		return nil, err
	}
	return protojson.Marshal(data)
}

// Says whether there are only fields that the messages have.
func known(message protoreflect.Message) (err error) {
	if unknown := message.GetUnknown(); len(unknown) > 0 {
		return fmt.Errorf("%s has unknown fields", message.Descriptor().FullName())
	}
	message.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		if field.Message() == nil || field.IsMap() {
			return true
		}
		if field.IsList() {
			for i := range value.List().Len() {
				if err = known(value.List().Get(i).Message()); err != nil {
					return false
				}
			}
			return true
		}
		err = known(value.Message())
		return err == nil
	})
	return err
}
