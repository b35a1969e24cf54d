package crash

import (
	"os/exec"
	"syscall"
)

// dieWithUs lets a process that is to be started end with this one, however that ends.
func dieWithUs(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
