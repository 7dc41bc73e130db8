//go:build chaos && linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"mingjian/audit/export/verify/verifytest"
)

// With nothing but itself and the package, in an empty root without a network, the verifier says what it says
// elsewhere.
func TestVerifierRunsInAnEmptyRoot(t *testing.T) {
	root := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", filepath.Join(root, "mingjian-verify"), ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	r, err := verifytest.New(verifytest.Options{Interactions: 1_000, Tenants: []string{"acme", "globex"}, Partitions: 2, Batch: 50, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	b := r.Draft(verifytest.Period("acme")).Pack(r.Private)
	for name, contents := range map[string][]byte{"package.zip": b, "log.pub": []byte(r.Public)} {
		if err := os.WriteFile(filepath.Join(root, name), contents, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	verify := exec.CommandContext(t.Context(), "/mingjian-verify", "/package.zip", "--key", "/log.pub", "--lang", "en")
	verify.Path, verify.Dir, verify.Env = "/mingjian-verify", "/", []string{}
	verify.SysProcAttr = &syscall.SysProcAttr{
		Chroot: root, Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := verify.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "OK: ") || !strings.Contains(string(out), "Complete for tenant acme") {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}
