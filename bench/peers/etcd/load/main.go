// Command load puts values into an etcd cluster in a closed loop and prints one line of JSON: what
// was done between the end of the warm-up and the end, each latency in it, and the processor time of
// the servers and of itself in that window.
//
// Each client has one put under way at any time. Client i speaks to endpoint i modulo their number;
// the clients of one endpoint share a few connections.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// report is what is printed. Times are in microseconds.
type report struct {
	Operations int     `json:"operations"`
	Errors     int     `json:"errors"`
	FirstError string  `json:"firstError"`
	WindowUs   float64 `json:"windowUs"`
	P50Us      float64 `json:"p50Us"`
	P99Us      float64 `json:"p99Us"`
	MaxUs      float64 `json:"maxUs"`
	// ServerCpuUs is negative where /proc does not tell.
	ServerCpuUs float64 `json:"serverCpuUs"`
	ClientCpuUs float64 `json:"clientCpuUs"`
}

// window is the measured part of the run: what ends in it counts.
type window struct{ from, until time.Time }

// tally is what one client did.
type tally struct {
	latencies  []time.Duration
	errors     int
	firstError string
}

func main() {
	endpoints := flag.String("endpoints", "", "host:port, comma separated")
	pids := flag.String("pids", "", "of the servers, comma separated")
	clients := flag.Int("clients", 1, "puts under way at any time")
	connections := flag.Int("connections", 1, "for each endpoint, at most")
	bytes := flag.Int("bytes", 256, "of each value")
	keys := flag.Int("keys", 10000, "how many different keys")
	warmUp := flag.Duration("warm-up", time.Second, "before the window")
	length := flag.Duration("window", time.Second, "what is measured")
	flag.Parse()
	handles, err := dial(strings.Split(*endpoints, ","), *clients, *connections)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	value := strings.Repeat("v", *bytes)
	begin := time.Now()
	measured := window{from: begin.Add(*warmUp), until: begin.Add(*warmUp + *length)}
	tallies := make([]tally, *clients)
	var running sync.WaitGroup
	for client := range *clients {
		running.Go(func() {
			tallies[client] = put(handles[client], measured, func(turn int) (string, string) {
				return fmt.Sprintf("key-%d", (client+turn**clients)%*keys), value
			})
		})
	}
	time.Sleep(time.Until(measured.from))
	serversBefore, selfBefore := cpuOf(*pids), ownCpu()
	time.Sleep(time.Until(measured.until))
	serversAfter, selfAfter := cpuOf(*pids), ownCpu()
	running.Wait()
	out := summary(tallies)
	out.WindowUs = us(*length)
	out.ClientCpuUs = us(selfAfter - selfBefore)
	out.ServerCpuUs = us(serversAfter - serversBefore)
	if serversBefore < 0 || serversAfter < 0 {
		out.ServerCpuUs = -1
	}
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		os.Exit(1)
	}
}

// dial opens the connections and answers the one that each client uses.
func dial(endpoints []string, clients, connections int) ([]*clientv3.Client, error) {
	opened := map[string]*clientv3.Client{}
	handles := make([]*clientv3.Client, clients)
	for client := range clients {
		endpoint := endpoints[client%len(endpoints)]
		name := fmt.Sprintf("%s/%d", endpoint, client/len(endpoints)%connections)
		if opened[name] == nil {
			handle, err := clientv3.New(clientv3.Config{
				Endpoints:   []string{endpoint},
				DialTimeout: 5 * time.Second,
				Logger:      zap.NewNop(),
			})
			if err != nil {
				return nil, fmt.Errorf("cannot reach %s: %w", endpoint, err)
			}
			opened[name] = handle
		}
		handles[client] = opened[name]
	}
	return handles, nil
}

// put runs one client until the window ends.
func put(handle *clientv3.Client, measured window, pair func(int) (string, string)) tally {
	var done tally
	for turn := 0; ; turn++ {
		key, value := pair(turn)
		begin := time.Now()
		if !begin.Before(measured.until) {
			return done
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		_, err := handle.Put(ctx, key, value)
		cancel()
		end := time.Now()
		if err != nil {
			done.errors++
			if done.firstError == "" {
				done.firstError = err.Error()
			}
			continue
		}
		if !end.Before(measured.from) && end.Before(measured.until) {
			done.latencies = append(done.latencies, end.Sub(begin))
		}
	}
}

func summary(tallies []tally) report {
	var out report
	var all []time.Duration
	for _, one := range tallies {
		all = append(all, one.latencies...)
		out.Errors += one.errors
		if out.FirstError == "" {
			out.FirstError = one.firstError
		}
	}
	out.Operations = len(all)
	if len(all) == 0 {
		return out
	}
	sort.Slice(all, func(a, b int) bool { return all[a] < all[b] })
	// The nearest rank, as on the other side.
	rank := func(share float64) float64 {
		at := int(share*float64(len(all))+0.999999) - 1
		return us(all[max(0, min(at, len(all)-1))])
	}
	out.P50Us, out.P99Us, out.MaxUs = rank(0.5), rank(0.99), us(all[len(all)-1])
	return out
}

// cpuOf is the processor time of all of them so far; negative when it cannot be read.
func cpuOf(pids string) time.Duration {
	if pids == "" {
		return -1
	}
	var ticks int64
	for _, pid := range strings.Split(pids, ",") {
		text, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil {
			return -1
		}
		// The name, in parentheses, may hold anything; user and system time are the 12th and 13th
		// field behind it.
		fields := strings.Fields(string(text)[strings.LastIndex(string(text), ")")+1:])
		for _, field := range fields[11:13] {
			count, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return -1
			}
			ticks += count
		}
	}
	// Linux counts 100 to the second, whatever the kernel's own rate.
	return time.Duration(ticks) * 10 * time.Millisecond
}

func ownCpu() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func us(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
