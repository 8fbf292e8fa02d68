// Shop is a program of many ways to fail. It writes down what it provokes while it does.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"
)

type event struct {
	Kind      string   `json:"kind"`
	Problem   bool     `json:"problem"`
	Holds     []string `json:"holds"`
	Severity  string   `json:"severity,omitempty"`
	Exception string   `json:"exception,omitempty"`
	Text      string   `json:"text,omitempty"`
	Message   string   `json:"message,omitempty"`
	Frame     string   `json:"frame,omitempty"`
	Untimed   bool     `json:"untimed,omitempty"`
}

func tell(e event) {
	f, err := os.OpenFile(os.Args[2], os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	if err := json.NewEncoder(f).Encode(e); err != nil {
		panic(err)
	}
}

var errStock = errors.New("stock is gone")

func reserve(ref string) error { return fmt.Errorf("reserving %s: %w", ref, errStock) }

func index(ref string) byte { return []byte(ref)[len(ref)+3] }

type order struct{ lines []string }

func (o *order) first() string { return o.lines[0] }

type chargeError struct{ ref string }

func (e *chargeError) Error() string { return "cannot charge " + e.ref }

func main() {
	switch how := os.Args[1]; how {
	case "go-slog-json":
		structured(slog.New(slog.NewJSONHandler(os.Stderr, nil)).With("service", "billing"))
	case "go-slog-text":
		structured(slog.New(slog.NewTextHandler(os.Stderr, nil)).With("service", "billing"))
	case "go-log":
		plain()
	case "repanic":
		tell(event{Kind: "panic again", Problem: true, Holds: []string{"panic: first repanic-1", "[recovered]", "panic: second repanic-1", "goroutine 1 [running]:", "main.main()"},
			Exception: "panic", Severity: "fatal"})
		defer func() {
			r := recover()
			panic(fmt.Sprintf("second repanic-1 after %v", r))
		}()
		panic("first repanic-1")
	case "custom":
		tell(event{Kind: "panic with an error", Problem: true, Holds: []string{"panic: ", "order-custom", "goroutine 1 [running]:", "main.main()"}, Exception: "panic", Severity: "fatal",
			Frame: "main.main"})
		panic(&chargeError{"order-custom"})
	case "nil":
		tell(event{Kind: "nil", Problem: true, Holds: []string{"invalid memory address or nil pointer dereference", "[signal SIGSEGV", "main.(*order).first", "main.main()"},
			Exception: "panic", Severity: "fatal", Frame: "main.(*order).first", Text: "invalid memory address"})
		var o *order
		fmt.Println(o.first())
	case "deadlock":
		tell(event{Kind: "deadlock", Problem: true, Holds: []string{"fatal error: all goroutines are asleep - deadlock!", "goroutine 1 [chan receive]:", "main.main()"},
			Exception: "fatal error", Severity: "fatal", Frame: "main.main"})
		<-make(chan int)
	case "map":
		tell(event{Kind: "concurrent map writes", Problem: true, Holds: []string{"fatal error: concurrent map writes", "main.spoil"}, Exception: "fatal error", Severity: "fatal",
			Frame: "main.spoil"})
		m := map[int]int{}
		go spoil(m)
		go spoil(m)
		spoil(m)
	case "goroutine":
		tell(event{Kind: "panic in a goroutine", Problem: true, Holds: []string{"panic: runtime error: index out of range [18] with length 15", "main.index", "created by main.main in goroutine 1"},
			Exception: "panic", Severity: "fatal", Frame: "main.index"})
		go func() { fmt.Println(index("order-goroutine")) }()
		time.Sleep(time.Minute)
	case "wrapped":
		tell(event{Kind: "panic with a wrapped error", Problem: true, Holds: []string{"reserving order-wrapped: stock is gone", "goroutine 1 [running]:", "main.main()"}, Exception: "panic",
			Severity: "fatal", Text: "reserving order-wrapped"})
		panic(reserve("order-wrapped"))
	case "fatal":
		tell(event{Kind: "log.Fatal", Problem: true, Holds: []string{"cannot start order-fatal: stock is gone"}})
		log.Fatalf("fatal: cannot start order-fatal: %v", errStock)
	}
}

func spoil(m map[int]int) {
	for i := 0; ; i++ {
		m[i%16] = i
	}
}

// structured logs, and ends with a panic: no JSON, in the middle of JSON.
func structured(l *slog.Logger) {
	for n := range 8 {
		ref := fmt.Sprintf("order-%03d", n)
		l.Info("order packed, 0 errors", "ref", ref, "err", nil, "failed", 0)
		tell(event{Kind: "harmless", Holds: []string{ref, "order packed, 0 errors"}})
		switch n % 4 {
		case 1:
			l.Error("cannot reserve", "ref", ref, "err", reserve(ref))
			tell(event{Kind: "error", Problem: true, Holds: []string{ref, "cannot reserve"}, Severity: "error", Message: "cannot reserve"})
		case 2:
			l.Warn("stock is low", "ref", ref)
			tell(event{Kind: "warning", Holds: []string{ref, "stock is low"}, Severity: "warning"})
		}
	}
	tell(event{Kind: "panic in the end", Problem: true, Holds: []string{"panic: runtime error: index out of range [12] with length 9", "goroutine 1 [running]:", "main.main()"},
		Exception: "panic", Severity: "fatal", Frame: "main.index", Untimed: true})
	index("order-end")
}

// plain logs with the log package, from a server whose handlers panic at once.
func plain() {
	log.SetFlags(log.LstdFlags | log.Lmicroseconds | log.Lmsgprefix)
	http.HandleFunc("/crash", func(_ http.ResponseWriter, r *http.Request) { index(r.URL.Query().Get("ref")) })
	go func() { log.Fatal(http.ListenAndServe("127.0.0.1:8010", nil)) }()
	client := http.Client{Timeout: 5 * time.Second}
	for range 100 {
		if r, err := client.Get("http://127.0.0.1:8010/none"); err == nil {
			r.Body.Close()
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	var wg sync.WaitGroup
	for n := range 4 {
		ref := fmt.Sprintf("order-%03d", n)
		log.Printf("order %s packed, 0 errors, err=<nil>", ref)
		tell(event{Kind: "harmless", Holds: []string{ref + " packed, 0 errors"}})
		long := ref + fmt.Sprintf("%0*d", n+1, 0)
		tell(event{Kind: "panic in a handler", Problem: true, Exception: "panic", Frame: "main.index",
			Holds: []string{"http: panic serving 127.0.0.1:", fmt.Sprintf("index out of range [%d] with length %d", len(long)+3, len(long)), "created by net/http.(*Server).Serve"}})
		wg.Go(func() {
			if r, err := client.Get("http://127.0.0.1:8010/crash?ref=" + long); err == nil {
				_, _ = io.Copy(io.Discard, r.Body)
				r.Body.Close()
			}
		})
		log.Printf("ERROR %s: %v", ref, reserve(ref))
		tell(event{Kind: "error", Problem: true, Holds: []string{"ERROR " + ref}, Severity: "error"})
	}
	wg.Wait()
	tell(event{Kind: "panic in the end", Problem: true, Holds: []string{"panic: runtime error: index out of range [12] with length 9", "goroutine 1 [running]:", "main.main()"},
		Exception: "panic", Severity: "fatal", Frame: "main.index", Untimed: true})
	index("order-end")
}
