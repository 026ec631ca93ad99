package cli

import (
	"errors"
	"io/fs"
	"syscall"

	"illumi/agent/internal/spool"
)

// stateTrouble says in words what keeps a box from its state directory. What
// lies there is left as it is.
func (p *program) stateTrouble(dir string, err error) error {
	f := &failure{code: exitFailed, err: err}
	switch {
	case errors.Is(err, spool.ErrGone):
		f.text = "The state directory " + dir + " was taken away while the box ran."
		f.next = "Put it back if it was moved: answers that were not sent are in it. Then start the box again."
	case errors.Is(err, spool.ErrNotOurs), errors.Is(err, fs.ErrPermission):
		f.text = "This user may not use the state directory " + dir + "."
		f.next = "Put sudo in front of the command, or name a folder of your own with --state DIR."
		if p.getenv("NOTIFY_SOCKET") != "" { // it is the service
			f.next = "Give it back to the box: sudo chown -R illumi-agent: " + dir
		}
	case errors.Is(err, spool.ErrFull), errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		f.text = "The disk with the state directory " + dir + " is full."
		f.next = "Make room on that disk; df -h shows how much it has. What the box has saved is kept."
	case errors.Is(err, spool.ErrReadOnly), errors.Is(err, syscall.EROFS):
		f.text = "Nothing can be written to the state directory " + dir + ": its disk is read-only."
		f.next = "Where the card is worn out, replace it. Else mount the disk so that it can be written."
	default:
		return err
	}
	return f
}
