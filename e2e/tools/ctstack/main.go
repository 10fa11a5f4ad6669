// ctstack: a certificate transparency log (RFC 6962) and the Trillian that it stands on, in one process and in memory.
//
// Trillian's interface is open on -rpc too, so that Rekor v1 keeps its log there.
package main

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/google/certificate-transparency-go/trillian/ctfe"
	"github.com/google/certificate-transparency-go/trillian/ctfe/cache"
	"github.com/google/certificate-transparency-go/trillian/ctfe/configpb"
	"github.com/google/trillian"
	"github.com/google/trillian/crypto/keys"
	"github.com/google/trillian/crypto/keys/der"
	"github.com/google/trillian/crypto/keyspb"
	"github.com/google/trillian/extension"
	tlog "github.com/google/trillian/log"
	"github.com/google/trillian/monitoring"
	"github.com/google/trillian/quota"
	"github.com/google/trillian/server"
	"github.com/google/trillian/server/admin"
	"github.com/google/trillian/storage/memory"
	"github.com/google/trillian/util/clock"
	"github.com/google/trillian/util/election"
	"github.com/google/trillian/util/election2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
)

// The path below which the CT log answers.
const prefix = "ct"

func main() {
	rpc := flag.String("rpc", "", "address of Trillian's interface")
	addr := flag.String("http", "", "address of the CT log, which answers below /ct")
	roots := flag.String("roots", "", "file with the certificates (PEM) that a submitted chain may end in")
	key := flag.String("key", "", "file with the CT log's private key (PKCS#8 PEM)")
	flag.Parse()

	registry := inMemory()
	sequence(registry)
	listener, err := net.Listen("tcp", *rpc)
	check(err)
	go serveTrillian(registry, listener)

	handlers, err := ctLog(*rpc, *roots, *key)
	check(err)
	mux := http.NewServeMux()
	for path, handler := range handlers {
		mux.Handle(path, handler)
	}
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	log.Fatal(http.ListenAndServe(*addr, mux))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// Trees that are gone with the process.
func inMemory() extension.Registry {
	trees := memory.NewTreeStorage()
	metrics := monitoring.InertMetricFactory{}
	return extension.Registry{
		AdminStorage:    memory.NewAdminStorage(trees),
		LogStorage:      memory.NewLogStorage(trees, metrics),
		ElectionFactory: election2.NoopFactory{},
		QuotaManager:    quota.Noop(),
		MetricFactory:   metrics,
	}
}

// Integrates what was queued, often: whoever signs waits for it.
func sequence(registry extension.Registry) {
	info := tlog.OperationInfo{
		Registry:    registry,
		BatchSize:   1000,
		NumWorkers:  2,
		RunInterval: 20 * time.Millisecond,
		TimeSource:  clock.System,
		ElectionConfig: election.RunnerConfig{
			MasterHoldInterval: time.Hour,
			MasterHoldJitter:   time.Second,
			TimeSource:         clock.System,
		},
	}
	manager := tlog.NewOperationManager(info, tlog.NewSequencerManager(registry, 0))
	go manager.OperationLoop(context.Background())
}

func serveTrillian(registry extension.Registry, listener net.Listener) {
	srv := grpc.NewServer()
	trillian.RegisterTrillianLogServer(srv, server.NewTrillianLogRPCServer(registry, clock.System))
	trillian.RegisterTrillianAdminServer(srv, admin.New(registry, []trillian.TreeType{trillian.TreeType_LOG}))
	log.Fatal(srv.Serve(listener))
}

// A CT log on a new tree of the Trillian at rpc.
func ctLog(rpc, roots, keyFile string) (ctfe.PathHandlers, error) {
	ctx := context.Background()
	conn, err := grpc.NewClient(rpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	tree, err := trillian.NewTrillianAdminClient(conn).CreateTree(ctx, &trillian.CreateTreeRequest{Tree: &trillian.Tree{
		TreeState:       trillian.TreeState_ACTIVE,
		TreeType:        trillian.TreeType_LOG,
		MaxRootDuration: durationpb.New(0),
	}})
	if err != nil {
		return nil, err
	}
	client := trillian.NewTrillianLogClient(conn)
	if _, err := client.InitLog(ctx, &trillian.InitLogRequest{LogId: tree.TreeId}); err != nil {
		return nil, err
	}
	signer, err := privateKey(keyFile)
	if err != nil {
		return nil, err
	}
	keys.RegisterHandler(&keyspb.PrivateKey{}, der.FromProto)
	config, err := ctfe.ValidateLogConfig(&configpb.LogConfig{
		LogId:            tree.TreeId,
		Prefix:           prefix,
		RootsPemFile:     []string{roots},
		PrivateKey:       signer,
		ExtKeyUsages:     []string{"CodeSigning"},
		LogBackendName:   "memory",
		MaxMergeDelaySec: 86400,
	})
	if err != nil {
		return nil, err
	}
	instance, err := ctfe.SetUpInstance(ctx, ctfe.InstanceOptions{
		Validated:     config,
		Client:        client,
		Deadline:      10 * time.Second,
		MetricFactory: monitoring.InertMetricFactory{},
		RequestLog:    new(ctfe.DefaultRequestLog),
		CacheType:     cache.NOOP,
	})
	if err != nil {
		return nil, err
	}
	return instance.Handlers, nil
}

// The key of a PEM file, as the log's configuration carries it.
func privateKey(file string) (*anypb.Any, error) {
	bytes, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(bytes)
	if block == nil {
		return nil, errors.New(file + " holds no PEM block")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	if _, signs := key.(crypto.Signer); !signs {
		return nil, errors.New(file + " holds no key that signs")
	}
	return anypb.New(&keyspb.PrivateKey{Der: block.Bytes})
}
