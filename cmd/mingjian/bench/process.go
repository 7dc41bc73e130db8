package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/procfs"
)

// stopPatience is how long a child may take to end in order; a collector's grace is 8 seconds.
const stopPatience = 30 * time.Second

// child is a process of ours: this program with other arguments.
type child struct {
	pid   int
	cmd   *exec.Cmd
	ended chan struct{}
	err   error // once it has ended
}

// start starts a child. Where this process dies, so does the child.
func start(executable string, stdout, stderr io.Writer, args ...string) (*child, error) {
	c := &child{ended: make(chan struct{})}
	c.cmd = exec.Command(executable, args...)
	c.cmd.Stdout, c.cmd.Stderr = stdout, stderr
	// A group of its own: Ctrl-C in a terminal is for this process, which then stops its children.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		// The signal of Pdeathsig comes when the thread that started the child ends (prctl(2)).
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := c.cmd.Start()
		started <- err
		if err == nil {
			c.err = c.cmd.Wait()
			close(c.ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", strings.Join(args[:1], " "), err)
	}
	c.pid = c.cmd.Process.Pid
	return c, nil
}

// stop ends the child in order, or after a while all the same.
func (c *child) stop() error {
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-c.ended:
	case <-time.After(stopPatience):
		_ = c.cmd.Process.Kill()
		<-c.ended
	}
	var exit *exec.ExitError
	if errors.As(c.err, &exit) && exit.ExitCode() == interrupted {
		return nil
	}
	return c.err
}

// interrupted is the exit code of a command of ours that was told to stop.
const interrupted = 130

// wait waits until the child ends by itself.
func (c *child) wait(ctx context.Context) error {
	select {
	case <-c.ended:
		return c.err
	case <-ctx.Done():
		return errors.Join(ctx.Err(), c.stop())
	}
}

// usage is what a process has used so far.
type usage struct {
	CPU  float64 // seconds, user and system
	Peak float64 // MiB, resident at most since forget
	RSS  float64 // MiB, resident now
}

// usageOf reads a process's usage.
func usageOf(pid int) (usage, error) {
	p, err := procfs.NewProc(pid)
	if err != nil {
		return usage{}, fmt.Errorf("usage of process %d: %w", pid, err)
	}
	stat, err := p.Stat()
	if err != nil {
		return usage{}, fmt.Errorf("usage of process %d: %w", pid, err)
	}
	status, err := p.NewStatus()
	if err != nil {
		return usage{}, fmt.Errorf("usage of process %d: %w", pid, err)
	}
	return usage{CPU: stat.CPUTime(), Peak: float64(status.VmHWM) / (1 << 20), RSS: float64(status.VmRSS) / (1 << 20)}, nil
}

// forget lets a process's peak begin anew (proc(5), clear_refs 5). Where the kernel does not allow it,
// the peak is that of the whole run.
func forget(pid int) {
	_ = os.WriteFile(filepath.Join("/proc", strconv.Itoa(pid), "clear_refs"), []byte("5"), 0o200)
}

// ours finds the process that this one started with a command.
func ours(command string) (pid int, err error) {
	all, err := procfs.AllProcs()
	if err != nil {
		return 0, err
	}
	for _, p := range all {
		stat, err := p.Stat()
		if err != nil || stat.PPID != os.Getpid() || stat.State == "Z" {
			continue // or it has ended meanwhile
		}
		if args, err := p.CmdLine(); err == nil && len(args) > 1 && args[1] == command {
			return p.PID, nil
		}
	}
	return 0, fmt.Errorf("no process of ours runs %s", command)
}

// meter reads what processes use from now on.
type meter struct {
	pids   []int
	before spent
}

func newMeter(pids ...int) (*meter, error) {
	m := &meter{pids: pids, before: make(spent, len(pids))}
	for _, pid := range pids {
		forget(pid)
	}
	var err error
	m.before, err = m.read()
	return m, err
}

// spent is the usage of processes since a meter was made.
type spent []usage

func (m *meter) read() (spent, error) {
	out := make(spent, len(m.pids))
	for i, pid := range m.pids {
		u, err := usageOf(pid)
		if err != nil {
			return nil, err
		}
		u.CPU -= m.before[i].CPU
		out[i] = u
	}
	return out, nil
}

// perMillion is the CPU seconds of all of them together for a million of n interactions.
func (s spent) perMillion(n int64) float64 {
	sum := 0.0
	for _, u := range s {
		sum += u.CPU
	}
	return round(sum*1e6/float64(n), 2)
}
