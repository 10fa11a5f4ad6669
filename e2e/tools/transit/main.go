// transit: the real transit engine of HashiCorp Vault, behind as much of Vault's HTTP interface as it needs. The server
// around it is not Vault's own, whose published module needs an unpublished state of Vault's SDK.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/builtin/logical/transit"
	"github.com/hashicorp/vault/sdk/logical"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "")
	token := flag.String("token", "", "")
	flag.Parse()
	storage := &logical.InmemStorage{}
	engine, err := transit.Factory(context.Background(), &logical.BackendConfig{
		Logger:      hclog.NewNullLogger(),
		System:      &logical.StaticSystemView{DefaultLeaseTTLVal: time.Hour, MaxLeaseTTLVal: time.Hour},
		StorageView: storage,
		Config:      map[string]string{},
		BackendUUID: "transit",
	})
	if err != nil {
		panic(err)
	}
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr())
	panic(http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, isTransit := strings.CutPrefix(r.URL.Path, "/v1/transit/")
		if r.Header.Get("X-Vault-Token") != *token || r.Header.Get("X-Vault-Request") != "true" {
			refuse(w, http.StatusForbidden, "permission denied")
			return
		}
		if !isTransit {
			refuse(w, http.StatusNotFound, "no handler for route")
			return
		}
		request := &logical.Request{Operation: logical.ReadOperation, Path: path, Storage: storage, Data: map[string]any{}}
		if r.Method != http.MethodGet {
			request.Operation = logical.UpdateOperation
			body, _ := io.ReadAll(io.LimitReader(r.Body, 32<<20))
			if len(body) > 0 && json.Unmarshal(body, &request.Data) != nil {
				refuse(w, http.StatusBadRequest, "failed to parse JSON input")
				return
			}
		}
		found, exists, err := engine.HandleExistenceCheck(r.Context(), request)
		if err == nil && found && !exists && request.Operation == logical.UpdateOperation {
			request.Operation = logical.CreateOperation
		}
		response, err := engine.HandleRequest(r.Context(), request)
		status, err := logical.RespondErrorCommon(request, response, err)
		switch {
		case err != nil:
			refuse(w, status, err.Error())
		case response == nil && request.Operation == logical.ReadOperation:
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, `{"errors":[]}`)
		case response == nil:
			w.WriteHeader(http.StatusNoContent)
		default:
			w.Header().Set("Content-Type", "application/json")
			json.NewEncoder(w).Encode(map[string]any{"data": response.Data})
		}
	})))
}

func refuse(w http.ResponseWriter, status int, why string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"errors": []string{why}})
}
