// Command app is the one program of the workloads that the end-to-end tests run: small, static, and of few words.
//
//	app          says that it runs, and waits for SIGTERM
//	app pause    waits and says nothing: what holds a pod's namespaces
//	app done     says that it ran, and ends
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	mode := ""
	if len(os.Args) > 1 {
		mode = os.Args[1]
	}
	switch mode {
	case "":
		fmt.Println("running")
	case "done":
		fmt.Println("done")
		return
	case "pause":
	default:
		fmt.Fprintf(os.Stderr, "app: unknown mode %q\n", mode)
		os.Exit(2)
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGINT, syscall.SIGTERM)
	<-ended
}
