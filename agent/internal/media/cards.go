package media

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"illumi/agent/internal/kernel"
)

// Card is a sound card as the kernel lists it. Its number changes between
// boots and is used for nothing but looking into /proc (hardware.md 2.3).
type Card struct {
	ID   string // short and unique among the cards of now, such as "Device"
	Name string // what it is, such as "USB PnP Sound Device"
	Long string // with its maker and place
	// USB is the socket it is plugged into, such as "1-1.2"; "" elsewhere.
	USB string
	// Capture and Playback number its devices, lowest first.
	Capture, Playback []int

	index  int
	driver string
	twin   bool // another card has the same name, and the ids are numbers of the moment
}

// Key is what to write into the configuration for this card: its id, or its
// USB socket where another card of the same kind would answer to either id.
func (c Card) Key() string {
	if c.twin && c.USB != "" {
		return usbPrefix + c.USB
	}
	return c.ID
}

// CaptureDevice is ALSA's name of the card's microphone, free of any number
// that a boot may change.
func (c Card) CaptureDevice() string { return c.device(c.Capture) }

// PlaybackDevice is ALSA's name of the card's loudspeaker.
func (c Card) PlaybackDevice() string { return c.device(c.Playback) }

func (c Card) device(of []int) string {
	n := 0
	if len(of) > 0 {
		n = of[0]
	}
	return fmt.Sprintf("plughw:CARD=%s,DEV=%d", c.ID, n)
}

// usbPrefix begins the name of a card by its USB socket: "usb:1-1.2".
const usbPrefix = "usb:"

var (
	// " 1 [Device         ]: USB-Audio - USB PnP Sound Device"
	cardLine = regexp.MustCompile(`^\s*(\d+) \[(\S+)\s*\]: (.*?) - (.*)$`)
	// pcm0c is the card's first device that captures.
	pcmName = regexp.MustCompile(`^pcm(\d+)([cp])$`)
	// The device of a USB card is an interface of what is plugged in: 1-1.2:1.0.
	usbInterface = regexp.MustCompile(`^(\d+-[\d.]+):\d+\.\d+$`)
)

// Cards lists the sound cards of the machine whose file system is at root
// ("/" on a box). A machine without any has an empty list and no error.
func Cards(root string) ([]Card, error) {
	list, err := kernel.Read(filepath.Join(root, "proc/asound/cards"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // no sound in the kernel at all
	}
	if err != nil {
		return nil, fmt.Errorf("list sound cards: %w", err)
	}
	cards, err := parseCards(bufio.NewScanner(bytes.NewReader(list)))
	if err != nil {
		return nil, fmt.Errorf("list sound cards: %w", err)
	}
	for i := range cards {
		if err := cards[i].look(root); err != nil {
			return nil, fmt.Errorf("list sound cards: %w", err)
		}
		for j := range cards[:i] {
			if cards[i].Name == cards[j].Name && stem(cards[i].ID) == stem(cards[j].ID) {
				cards[i].twin, cards[j].twin = true, true
			}
		}
	}
	return cards, nil
}

// parseCards reads two lines a card; "--- no soundcards ---" is none.
func parseCards(s *bufio.Scanner) ([]Card, error) {
	var cards []Card
	for s.Scan() {
		if m := cardLine.FindStringSubmatch(s.Text()); m != nil {
			n, err := strconv.Atoi(m[1])
			if err != nil {
				return nil, err
			}
			cards = append(cards, Card{index: n, ID: m[2], driver: m[3], Name: strings.TrimSpace(m[4])})
		} else if len(cards) > 0 && cards[len(cards)-1].Long == "" {
			cards[len(cards)-1].Long = strings.TrimSpace(s.Text())
		}
	}
	return cards, s.Err()
}

// look finds out what a card can do and where it is plugged in. A card that
// goes away meanwhile can do nothing.
func (c *Card) look(root string) error {
	entries, err := os.ReadDir(c.proc(root))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		m := pcmName.FindStringSubmatch(e.Name())
		if m == nil {
			continue
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			return err
		}
		if m[2] == "c" {
			c.Capture = append(c.Capture, n)
		} else {
			c.Playback = append(c.Playback, n)
		}
	}
	slices.Sort(c.Capture)
	slices.Sort(c.Playback)
	link, err := os.Readlink(filepath.Join(root, "sys/class/sound", "card"+strconv.Itoa(c.index), "device"))
	if err != nil {
		return nil //nolint:nilerr // not everything that sounds hangs on a bus; then its id is all there is
	}
	if m := usbInterface.FindStringSubmatch(filepath.Base(link)); m != nil {
		c.USB = m[1]
	}
	return nil
}

func (c Card) proc(root string) string {
	return filepath.Join(root, "proc/asound", "card"+strconv.Itoa(c.index))
}

// named says whether want means this card: its id, its socket, or its name.
func (c Card) named(want string) bool {
	if socket, ok := strings.CutPrefix(want, usbPrefix); ok {
		return c.USB == socket
	}
	return c.ID == want || strings.EqualFold(c.Name, want)
}

// HDMI outputs are there on nearly every Pi, and mostly nobody hears them; the
// plain headphone socket of a Pi is quiet and noisy.
func (c Card) rank() int {
	text := strings.ToLower(c.ID + " " + c.driver + " " + c.Name)
	switch {
	case c.USB != "" || strings.HasPrefix(c.driver, "USB"):
		return 0
	case strings.Contains(text, "hdmi"):
		return 3
	case strings.Contains(text, "headphones"):
		return 2
	}
	return 1
}

// PickMicrophone chooses the card to record from: the one that want names (an
// id, "usb:" and a socket, or a whole name), else the only one or the likeliest
// one that can record. The warning is "" or a sentence for the person who set
// the box up. Where no card records, that is a Fault with CodeMicrophone.
func PickMicrophone(cards []Card, want string) (c Card, warning string, err error) {
	c, warning, ok := pick(cards, want, "microphone", func(c Card) []int { return c.Capture })
	if !ok {
		return c, "", &Fault{Code: CodeMicrophone, Text: "The box finds no microphone.",
			Next: "Plug in the USB microphone; one with a lamp shows that it has power.", Err: errNoCard}
	}
	return c, warning, nil
}

// PickSpeaker chooses the card to play on, as PickMicrophone does; the Fault
// has CodeSpeaker.
func PickSpeaker(cards []Card, want string) (c Card, warning string, err error) {
	c, warning, ok := pick(cards, want, "loudspeaker", func(c Card) []int { return c.Playback })
	if !ok {
		return c, "", &Fault{Code: CodeSpeaker, Text: "The box finds no loudspeaker.",
			Next: "Plug in the USB loudspeaker.", Err: errNoCard}
	}
	return c, warning, nil
}

var errNoCard = errors.New("no sound card can do this")

// ordinal is how the kernel tells apart ids that would be the same: "Device",
// "Device_1". Ids that differ in more were given to the cards by somebody.
var ordinal = regexp.MustCompile(`_\d+$`)

func stem(id string) string { return ordinal.ReplaceAllString(id, "") }

func pick(cards []Card, want, part string, can func(Card) []int) (Card, string, bool) {
	able := slices.DeleteFunc(slices.Clone(cards), func(c Card) bool { return len(can(c)) == 0 })
	if len(able) == 0 {
		return Card{}, "", false
	}
	if want != "" {
		if i := slices.IndexFunc(able, func(c Card) bool { return c.named(want) }); i >= 0 {
			return able[i], twinWarning(able[i], want, part), true
		}
	}
	slices.SortStableFunc(able, func(a, b Card) int { return cmp.Compare(a.rank(), b.rank()) })
	c := able[0]
	switch {
	case want != "":
		return c, fmt.Sprintf("The %s %q is not there, so the box uses %q (%s). If that is right, write %s: %s.",
			part, want, c.Name, c.ID, part, c.Key()), true
	case len(able) > 1 && able[1].rank() == c.rank():
		return c, fmt.Sprintf("The box has more than one %s and uses %q (%s). To be sure, write %s: %s.",
			part, c.Name, c.ID, part, c.Key()), true
	}
	return c, "", true
}

// twinWarning is for an id that the next boot may give to the other of two
// equal cards.
func twinWarning(c Card, want, part string) string {
	if !c.twin || strings.HasPrefix(want, usbPrefix) {
		return ""
	}
	if c.USB == "" {
		return fmt.Sprintf("Two sound cards are called %q; after a restart the %s may be the other one.", c.Name, part)
	}
	return fmt.Sprintf("Two sound cards are called %q. To keep them apart, write %s: %s.", c.Name, part, c.Key())
}

// holder names the program that has a card open, as "name (process 12)", or
// "" where nobody has or nobody can be seen. capture chooses the direction.
func (c Card) holder(root string, capture bool) string {
	dir, devices := "p", c.Playback
	if capture {
		dir, devices = "c", c.Capture
	}
	for _, n := range devices {
		files, err := filepath.Glob(filepath.Join(c.proc(root), fmt.Sprintf("pcm%d%s", n, dir), "sub*", "status"))
		if err != nil {
			return "" // only a pattern can be wrong, and ours is not
		}
		for _, name := range files {
			b, err := os.ReadFile(name)
			if err != nil {
				continue // the card went
			}
			if pid, ok := ownerOf(string(b)); ok {
				return programOf(root, pid)
			}
		}
	}
	return c.opener(root, devices, dir)
}

// ownerOf reads "owner_pid   : 1234" out of a substream's status.
func ownerOf(status string) (pid int, ok bool) {
	for line := range strings.Lines(status) {
		key, value, _ := strings.Cut(line, ":")
		if strings.TrimSpace(key) == "owner_pid" {
			pid, err := strconv.Atoi(strings.TrimSpace(value))
			return pid, err == nil
		}
	}
	return 0, false
}

// opener looks through the open files of all programs that we may look into.
func (c Card) opener(root string, devices []int, dir string) string {
	links, err := filepath.Glob(filepath.Join(root, "proc", "[0-9]*", "fd", "*"))
	if err != nil {
		return ""
	}
	for _, link := range links {
		to, err := os.Readlink(link)
		if err != nil || !strings.HasPrefix(to, "/dev/snd/pcm") {
			continue
		}
		for _, n := range devices {
			if to == fmt.Sprintf("/dev/snd/pcmC%dD%d%s", c.index, n, dir) {
				if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(link)))); err == nil {
					return programOf(root, pid)
				}
			}
		}
	}
	return ""
}

func programOf(root string, pid int) string {
	b, err := os.ReadFile(filepath.Join(root, "proc", strconv.Itoa(pid), "comm"))
	if err != nil {
		return fmt.Sprintf("process %d", pid)
	}
	return fmt.Sprintf("%s (process %d)", strings.TrimSpace(string(b)), pid)
}
