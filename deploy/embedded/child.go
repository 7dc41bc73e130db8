package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"
)

const (
	// A child that ends is started again after firstPause, doubled with each life shorter than
	// steadyLife up to longestPause.
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
	steadyLife   = 10 * time.Second

	// hopeless is how many lives in a row that never came to answer make a child not worth another.
	hopeless = 5

	// askEvery is how often a starting child is asked whether it answers, and askWithin how long
	// one such question may take.
	askEvery  = 25 * time.Millisecond
	askWithin = time.Second

	// A child that answered once and then misses so many questions in a row,
	// defaultWatch apart, hangs: about a minute, in which every client gave up.
	missesOfHanging = 6
	defaultWatch    = 10 * time.Second
)

// errHangs is why a child is killed that lives and does not answer.
var errHangs = errors.New("it hangs")

// child is one server and its supervision.
type child struct {
	name       string
	executable string
	args       []string
	socket     net.Listener
	answers    func(context.Context) error // nil when the server answers
	patience   time.Duration
	watch      time.Duration // between two questions to a child that answered
	lines      *lines
	log        *slog.Logger
	ready      chan struct{} // closed when it answers for the first time
}

// life is how one process of a child went.
type life struct {
	answered bool
	lasted   time.Duration
	killed   bool  // by a signal that was not ours
	err      error // why it ended
	out      *output
}

// supervise keeps the child running until ctx ends and then stops it. It returns an error where that
// is hopeless: the child ends by itself before it ever answered, or again and again.
func (c *child) supervise(ctx context.Context) error {
	pause, silent, everAnswered := firstPause, 0, false
	for {
		l := c.live(ctx)
		if ctx.Err() != nil {
			return nil
		}
		everAnswered = everAnswered || l.answered
		silent++
		if l.answered {
			silent = 0
		}
		switch {
		case !everAnswered && !l.killed:
			return fmt.Errorf("%s cannot start: %s", c.name, l.why())
		case silent == hopeless:
			return fmt.Errorf("%s ended %d times in a row before it answered and is not started again: %s", c.name, silent, l.why())
		}
		if l.lasted >= steadyLife {
			pause = firstPause
		}
		c.log.Warn("child ended and is started again", "error", l.err, "lasted", l.lasted.Round(time.Millisecond), "pause", pause, "last_lines", l.out.last())
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
		pause = min(2*pause, longestPause)
	}
}

// why is what to tell the user: the child's own last word where it ended by itself.
func (l life) why() string {
	word := l.out.lastWord()
	var exit *exec.ExitError
	switch {
	case word == "":
		return l.err.Error()
	case errors.As(l.err, &exit) && exit.Exited():
		return word
	}
	return fmt.Sprintf("%v; it last said: %s", l.err, word)
}

// live runs one process to its end.
func (c *child) live(ctx context.Context) (l life) {
	l.out = &output{to: c.lines}
	began := time.Now()
	defer func() { l.lasted = time.Since(began) }()

	socket, err := socketFile(c.socket)
	if err != nil {
		l.err = fmt.Errorf("hand over the socket: %w", err)
		return l
	}
	defer socket.Close()
	theirs, lifeline, err := os.Pipe()
	if err != nil {
		l.err = fmt.Errorf("make a lifeline: %w", err)
		return l
	}
	defer lifeline.Close()
	defer theirs.Close()

	running, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	cmd := exec.CommandContext(running, c.executable, c.args...)
	cmd.Env = append(os.Environ(), childEnv+"=1")
	cmd.ExtraFiles = []*os.File{socket, theirs}
	cmd.Stdout, cmd.Stderr = l.out, l.out
	// A group of its own: Ctrl-C in a terminal is for the parent, which then stops its children.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		if errors.Is(context.Cause(running), errHangs) {
			return cmd.Process.Kill() // it would not hear anything else
		}
		return cmd.Process.Signal(syscall.SIGTERM)
	}
	cmd.WaitDelay = stopPatience
	if err := cmd.Start(); err != nil {
		l.err = err
		return l
	}
	c.log.Info("child started", "pid", cmd.Process.Pid)

	asking, stopAsking := context.WithCancel(running)
	answered := make(chan error, 1)
	go func() { answered <- c.waitForAnswer(asking) }()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for l.err == nil {
		select {
		case err := <-answered:
			answered = nil
			if err != nil {
				stop(err) // and it ends
				continue
			}
			l.answered = true
			c.log.Info("child answers", "after", time.Since(began).Round(time.Millisecond))
			c.tellReady()
			answered = make(chan error, 1)
			go func() { answered <- c.watchAnswers(asking) }()
		case err := <-ended:
			l.err = err
			if err == nil {
				l.err = errors.New("it ended by itself, without an error")
			}
		}
	}
	stopAsking()
	if answered != nil {
		<-answered
	}
	l.out.flush()

	byItself := context.Cause(running) == nil
	status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	l.killed = byItself && status.Signaled()
	if !byItself {
		l.err = context.Cause(running)
		if status.Signaled() && status.Signal() == syscall.SIGKILL && !errors.Is(l.err, errHangs) {
			c.log.Warn("child did not end in order and was killed", "waited", stopPatience)
		}
	}
	return l
}

func (c *child) tellReady() {
	select {
	case <-c.ready:
	default:
		close(c.ready)
	}
}

// watchAnswers asks for as long as the child answers, and returns an errHangs when it does not any
// more, or the error of ctx when that ends. Questions are counted, not time, so a clock that jumps or
// a machine that slept harms nobody.
func (c *child) watchAnswers(ctx context.Context) error {
	for misses := 0; ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(c.watch):
		}
		err := c.ask(ctx)
		if misses++; err == nil {
			misses = 0
		}
		if misses == missesOfHanging {
			return fmt.Errorf("%w: it lives and did not answer %d times in a row (%w)", errHangs, misses, err)
		}
	}
}

// ask asks once whether the child answers.
func (c *child) ask(ctx context.Context) error {
	ask, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	return c.answers(ask)
}

// waitForAnswer asks until the child answers, its patience is at an end, or ctx is.
func (c *child) waitForAnswer(ctx context.Context) error {
	enough := time.Now().Add(c.patience)
	for {
		err := c.ask(ctx)
		if err == nil {
			return nil
		}
		if time.Now().After(enough) {
			return fmt.Errorf("it did not answer within %v (%w)", c.patience, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(askEvery):
		}
	}
}
