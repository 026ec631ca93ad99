package cli

import (
	"runtime"
	"runtime/debug"
	"syscall"
	"time"
)

// prSetTHPDisable is PR_SET_THP_DISABLE of prctl(2).
const prSetTHPDisable = 41

// settledAfter is when what starting needed is no longer needed.
const settledAfter = 30 * time.Second

// frugal keeps the program small: the least of the boards have 512 MB for
// everything, and a box has time. It cleans up when half as much again is in
// use, instead of twice as much, and wants no pages of 2 MB, of which it would
// use a corner each; a kernel without such pages says no to that, rightly.
func frugal() {
	debug.SetGCPercent(50)
	// One beside the one that works is enough. The runtime's own number would have
	// it look again and again whether there are more, and wake one of four.
	runtime.GOMAXPROCS(min(runtime.NumCPU(), 2))
	_, _, _ = syscall.RawSyscall6(syscall.SYS_PRCTL, prSetTHPDisable, 1, 0, 0, 0, 0)
	time.AfterFunc(settledAfter, debug.FreeOSMemory)
}

// giveBack returns what a turn or a check needed to the machine. The runtime
// would do it by itself, in small pieces whenever the box is awake, for minutes.
func giveBack() { go debug.FreeOSMemory() }
