package panel

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"periph.io/x/conn/v3/driver"
	"periph.io/x/conn/v3/driver/driverreg"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/host/v3/gpioioctl"
)

// Everything about periph.io's gpioioctl is here, with its traps (hardware.md
// 1.2): it closes descriptor 0, it waits for ever where a wait is 0, it turns
// a line that is read into an input, and it finds chips only once.

// ErrNoHeader says that the board has no GPIO header, or no driver for it.
var ErrNoHeader = errors.New("this machine has no GPIO pins")

// headerLabel begins the labels of chips that lead to the header. Chips are
// never known by number: that moves with the kernel's version.
const headerLabel = "pinctrl-"

// chips is periph's one list of chips, which all panels of a process share.
var chips struct {
	sync.Mutex
	found *gpioioctl.GPIOChip // the header's; kept for good, see findBoard
	of    chipID
}

// chipID tells whether a chip is the one that was opened before: its device
// comes back with a new inode, or as another number.
type chipID struct {
	path string
	dev  uint64
	ino  uint64
}

// findBoard looks for the header's chip.
//
// A chip is never closed: GPIOChip.Close closes its descriptor twice and then
// descriptor 0, and by then these may be somebody else's. What is kept is two
// numbers for each time that the hardware went away, which no board does
// twice. For the same reason periph is only asked again after we saw a chip
// that it does not know.
func findBoard() (board, error) {
	chips.Lock()
	defer chips.Unlock()
	id, err := headerChip("/dev")
	if err != nil {
		return nil, err
	}
	if chips.found != nil && chips.of == id {
		return chipBoard{chips.found}, nil
	}
	if err := scan(); err != nil {
		return nil, err
	}
	for _, c := range gpioioctl.Chips {
		if strings.HasPrefix(c.Label(), headerLabel) && (chipBoard{c}).named(5) != nil {
			chips.found, chips.of = c, id
			return chipBoard{c}, nil
		}
	}
	return nil, ErrNoHeader
}

// kept holds chips that were lost, so that the garbage collector closes none of
// their descriptors, each twice.
var kept [][]*gpioioctl.GPIOChip

// scan lets periph look for chips. The first time it is asked as its
// documentation says; then its driver alone, as the registry runs once.
func scan() error {
	defer repairStdin()
	first := chips.found == nil && len(gpioioctl.Chips) == 0 && len(kept) == 0
	state, err := driverreg.Init()
	if err != nil {
		return fmt.Errorf("start the GPIO driver: %w", err)
	}
	if first && len(gpioioctl.Chips) > 0 {
		return nil
	}
	all := append([]driver.Impl(nil), state.Loaded...)
	for _, f := range append(append([]driverreg.DriverFailure(nil), state.Skipped...), state.Failed...) {
		all = append(all, f.D)
	}
	for _, d := range all {
		if d.String() != "ioctl-gpio" {
			continue
		}
		kept = append(kept, gpioioctl.Chips)
		gpioioctl.Chips = nil
		if _, err := d.Init(); err != nil {
			return fmt.Errorf("look for GPIO chips: %w", err)
		}
	}
	return nil
}

// stdinRepairs counts, for the test of the trap.
var stdinRepairs atomic.Int32

// repairStdin opens descriptor 0 again where periph closed it: else the next
// file gets that number, which periph takes for "not open".
func repairStdin() {
	var st syscall.Stat_t
	if err := syscall.Fstat(0, &st); !errors.Is(err, syscall.EBADF) {
		return
	}
	stdinRepairs.Add(1)
	// The lowest free number is given, so this is 0, or somebody else was
	// faster and 0 is open.
	fd, err := syscall.Open(os.DevNull, syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err == nil && fd != 0 {
		_ = syscall.Close(fd) // it was not needed
	}
}

// headerChip finds the header's chip by its label.
func headerChip(dev string) (chipID, error) {
	all, err := filepath.Glob(filepath.Join(dev, "gpiochip*"))
	if err != nil {
		return chipID{}, fmt.Errorf("look for GPIO chips: %w", err)
	}
	var denied error
	for _, path := range all {
		label, err := chipLabel(path)
		if errors.Is(err, os.ErrPermission) {
			denied = fmt.Errorf("%w; add the user to the group gpio", err)
		}
		if err != nil || !strings.HasPrefix(label, headerLabel) {
			continue
		}
		// Under its own name, as a second one (gpiochip4) is a link.
		if path, err = filepath.EvalSymlinks(path); err != nil {
			continue
		}
		var st syscall.Stat_t
		if err := syscall.Stat(path, &st); err != nil {
			continue
		}
		return chipID{path, st.Dev, st.Ino}, nil
	}
	if denied != nil {
		return chipID{}, denied
	}
	return chipID{}, ErrNoHeader
}

// chipLabel asks the kernel for a chip's label.
func chipLabel(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	const getInfo = 0x8044b401 // GPIO_GET_CHIPINFO_IOCTL
	var info struct {
		name, label [32]byte
		lines       uint32
	}
	if err := control(f, getInfo, unsafe.Pointer(&info)); err != nil {
		return "", fmt.Errorf("ask %s for its name: %w", path, err)
	}
	return string(info.label[:clen(info.label[:])]), nil
}

func clen(b []byte) int {
	for i, c := range b {
		if c == 0 {
			return i
		}
	}
	return len(b)
}

// chipBoard is the header's chip.
type chipBoard struct{ chip *gpioioctl.GPIOChip }

func (b chipBoard) label() string { return b.chip.Label() }

// named gives the line of a pin, by the name that every board gives it,
// whatever its offset. When chips are looked for again, periph puts the chip's
// name before lines that it knows already.
func (b chipBoard) named(pin int) *gpioioctl.GPIOLine {
	name := fmt.Sprintf("GPIO%d", pin)
	if l := b.chip.ByName(name); l != nil {
		return l
	}
	return b.chip.ByName(b.chip.Name() + "-" + name)
}

// lineName is what periph calls a pin's line.
func (b chipBoard) lineName(pin int) (string, error) {
	l := b.named(pin)
	if l == nil {
		return "", fmt.Errorf("GPIO %d is not on this board", pin)
	}
	return l.Name(), nil
}

func (b chipBoard) watch(all []gpioSwitch) (watched, error) {
	set, err := b.lines(all)
	if err != nil {
		// The kernel does not say which line it refuses; each alone does.
		for _, s := range all {
			one, oneErr := b.lines([]gpioSwitch{s})
			if oneErr != nil {
				return nil, pinError(s.pin, oneErr)
			}
			if err := one.Close(); err != nil {
				return nil, pinError(s.pin, err)
			}
		}
		return nil, fmt.Errorf("the buttons cannot be used: %w", err)
	}
	w := &lineSet{set: set, at: map[int]int{}}
	for i, l := range set.Lines() {
		w.at[l.Number()] = i
	}
	// The first wait makes what halt needs; it ends at once.
	if _, _, _, err := w.wait(time.Nanosecond); err != nil {
		return nil, errors.Join(err, set.Close())
	}
	return w, nil
}

// lines asks for all switches in one request, so that one wait is for all.
func (b chipBoard) lines(all []gpioSwitch) (*gpioioctl.LineSet, error) {
	config := &gpioioctl.LineSetConfig{DefaultDirection: gpioioctl.LineInput, DefaultEdge: gpio.BothEdges, DefaultPull: gpio.PullUp}
	pulls := map[gpio.Pull][]string{}
	for _, s := range all {
		name, err := b.lineName(s.pin)
		if err != nil {
			return nil, err
		}
		config.Lines = append(config.Lines, name)
		switch s.Pull {
		case "down":
			pulls[gpio.PullDown] = append(pulls[gpio.PullDown], name)
		case "none":
			pulls[gpio.PullNoChange] = append(pulls[gpio.PullNoChange], name)
		}
	}
	for pull, names := range pulls {
		if err := config.AddOverrides(gpioioctl.LineInput, gpio.BothEdges, pull, names...); err != nil {
			return nil, err
		}
	}
	return b.chip.LineSetFromConfig(config)
}

// pinError says what is wrong with one pin, and what to do.
func pinError(pin int, err error) error {
	// periph keeps the text of the kernel's error and drops its number.
	is := func(n syscall.Errno) bool { return errors.Is(err, n) || strings.HasSuffix(err.Error(), n.Error()) }
	switch {
	case is(syscall.EBUSY):
		return fmt.Errorf("GPIO %d is in use by another program or overlay; free it, or use another one: %w", pin, err)
	case is(syscall.EPERM), is(syscall.EACCES):
		return fmt.Errorf("GPIO %d is not ours; add the user to the group gpio: %w", pin, err)
	}
	return fmt.Errorf("GPIO %d cannot be used: %w", pin, err)
}

// lineSet is the switches' lines.
type lineSet struct {
	set *gpioioctl.LineSet
	at  map[int]int // index by the chip's number
}

func (l *lineSet) wait(d time.Duration) (i int, high, ok bool, err error) {
	number, edge, err := l.set.WaitForEdge(d) // 0 would be for ever, below 0 never
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return 0, false, false, nil
	}
	if err != nil {
		return 0, false, false, err
	}
	i, ok = l.at[number]
	return i, edge == gpio.RisingEdge, ok, nil
}

func (l *lineSet) levels() ([]bool, error) {
	bits, err := l.set.Read(0)
	if err != nil {
		return nil, err
	}
	high := make([]bool, l.set.LineCount())
	for i := range high {
		high[i] = bits&(1<<i) != 0
	}
	return high, nil
}

func (l *lineSet) halt() { _ = l.set.Halt() } // it is repeated until the wait ends

func (l *lineSet) Close() error { return l.set.Close() }

func (b chipBoard) output(pin int, invert bool) (output, error) {
	name, err := b.lineName(pin)
	if err != nil {
		return nil, err
	}
	set, err := b.chip.LineSet(gpioioctl.LineOutput, gpio.NoEdge, gpio.PullNoChange, name)
	if err != nil {
		return nil, pinError(pin, err)
	}
	o := &outLine{line: set, invert: invert, pin: pin}
	if err := o.set(false); err != nil {
		return nil, errors.Join(err, set.Close())
	}
	return o, nil
}

// outLine is a lamp's line. It is never read: periph would make it an input.
type outLine struct {
	line   *gpioioctl.LineSet
	invert bool
	pin    int
}

func (o *outLine) set(on bool) error {
	var bits gpio.GPIOValue
	if on != o.invert {
		bits = 1
	}
	if err := o.line.Out(bits, 1); err != nil {
		return pinError(o.pin, err)
	}
	return nil
}

// Close leaves the lamp dark: a line that was let go may keep its level.
func (o *outLine) Close() error { return errors.Join(o.set(false), o.line.Close()) }
