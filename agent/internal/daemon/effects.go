package daemon

import (
	"context"
	"errors"
	"syscall"
	"time"

	"illumi/agent/internal/flow"
	"illumi/agent/internal/media"
	"illumi/agent/internal/spool"
	"illumi/protocol"
)

// carryOut begins one effect. Devices are closed and the disk is written before
// it returns; everything else answers later.
func (d *Daemon) carryOut(f flow.Effect) {
	switch f.Do {
	case flow.SetTimer:
		d.setTimer(f)
	case flow.StopTimer:
		delete(d.timers, f.Timer)
	case flow.Say, flow.Sound, flow.PlayTake, flow.PlayReply:
		d.hear(f)
	case flow.PlayWhisper:
		d.onDisk("count a play", d.spool.Played(f.Hop, d.state.Turn.Epoch))
		d.hear(f)
	case flow.Stop:
		d.player.stop()
	case flow.OpenMic:
		d.openMic(f)
	case flow.CloseMic:
		d.onDisk("close the microphone", d.closeMic())
	case flow.OpenCamera:
		d.openCamera(f)
	case flow.TakePhoto:
		d.takePhoto()
	case flow.CloseCamera:
		d.onDisk("close the camera", d.closeCamera())
	case flow.CheckSpeech:
		d.checkSpeech(f)
	case flow.ShowPicture:
		d.showPicture(f.Hop)
	case flow.Blank:
		d.blank()
	case flow.Volume:
		// Every sound asks for its loudness when it is queued, see hear.
		if n, ok := d.o.Display.(interface{ Night(on bool) }); ok {
			n.Night(f.Quiet) // people.md P23: off at night
		}
	case flow.Progress:
		d.progress(f)
	case flow.Report:
		d.tell(f)
	case flow.SelfTest:
		d.selfTest(f)
	case flow.StopSelfTest:
		d.endSelfTest()
	case flow.TakeBack:
		d.takeItBack(f)
	default:
		d.disk(f)
	}
}

// disk carries out what is done, and synced, before the next effect is begun.
func (d *Daemon) disk(f flow.Effect) {
	switch f.Do {
	case flow.KeepTake:
		d.keepTake(f)
	case flow.EraseTake:
		delete(d.measured, takeID{f.Hop, f.Take})
		delete(d.closing, takeID{f.Hop, f.Take})
		d.onDisk("erase a take", d.spool.EraseTake(f.Hop, f.Take))
	case flow.ErasePhoto:
		d.onDisk("erase a photo", d.spool.ErasePhoto(f.Hop, f.Take))
	case flow.EraseTakes:
		d.eraseTakes(f.Hop)
	case flow.Seal:
		d.seal(f)
	case flow.Unsend:
		d.unsend(f)
	case flow.Forget:
		d.forget(f.Hop)
	case flow.Refetch:
		d.refetch(f.Hop)
	case flow.MakeRoom:
		low, err := d.spool.MakeRoom()
		d.onDisk("make room", err)
		if err == nil && !low && !d.noRoom && d.state.DiskLow {
			d.step(flow.Event{Kind: flow.KindDiskOK})
		}
	case flow.Wipe:
		d.wiping = f.Seq
		d.emptied()
	}
}

// emptied erases at the study's end, and tells of it once nothing is left: who
// reads that takes the box away, and an answer that still waited would never be
// sent. Until then it is done again with each receipt and each minute.
func (d *Daemon) emptied() {
	if d.wiping == 0 {
		return
	}
	err := d.spool.Wipe()
	d.onDisk("wipe", err)
	clear(d.measured)
	_, oerr := d.outbox() // those that wait are aside now
	d.onDisk("look for answers at the end", oerr)
	if err != nil || oerr != nil || len(d.aside) > 0 {
		return
	}
	seq := d.wiping
	d.wiping = 0
	d.step(flow.Event{Kind: flow.KindWiped, Seq: seq})
}

// onDisk notes a failure that the interaction need not know of: what was to be
// erased is found again at the next start, what was to be kept fails again
// where it matters, at the seal.
func (d *Daemon) onDisk(what string, err error) {
	if err != nil {
		d.diskTrouble(what, err)
	}
}

// diskTrouble tells the log, and the machine where the disk takes nothing.
func (d *Daemon) diskTrouble(what string, err error) {
	if fault := (*media.Fault)(nil); errors.As(err, &fault) {
		return // a device's, and logged as that
	}
	d.log.Error("the disk failed", "what", what, "error", err)
	if errors.Is(err, spool.ErrReadOnly) {
		d.readOnly = true
	}
	if d.noRoom || !takesNothing(err) {
		return // what is known already is no news, and the step that would tell it writes too
	}
	// The disk may say that it has room, and still take nothing (no inodes, a
	// quota): only a write that succeeds proves the contrary.
	d.noRoom = true
	if d.state.Phase != "" { // else the start looks for itself
		d.step(flow.Event{Kind: flow.KindDiskLow})
	}
}

func takesNothing(err error) bool {
	return errors.Is(err, spool.ErrFull) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, spool.ErrReadOnly) ||
		errors.Is(err, spool.ErrNotOurs) || errors.Is(err, spool.ErrGone)
}

func (d *Daemon) keepTake(f flow.Effect) {
	if d.notWhole(f) {
		return // until then it is what a power cut would leave
	}
	_, err := d.spool.KeepTake(f.Hop, f.Take)
	d.onDisk("keep a take", err)
	if err == nil && d.clockKnown() {
		d.onDisk("date a take", d.spool.DateTake(f.Hop, f.Take, d.wall()))
	}
	if err == nil {
		d.compress(f.Hop, f.Take)
	}
	if f.Photo == flow.PhotoTaken {
		_, err := d.spool.KeepPhoto(f.Hop, f.Take)
		d.onDisk("keep a photo", err)
	}
}

func (d *Daemon) eraseTakes(hop string) {
	for id := range d.measured {
		if id.hop == hop {
			delete(d.measured, id)
		}
	}
	for id := range d.closing {
		if id.hop == hop {
			delete(d.closing, id)
		}
	}
	d.onDisk("erase takes", d.spool.EraseTakes(hop))
}

// takeFiles gives a take's recording and, where there is one, its photo.
func (d *Daemon) takeFiles(hop string, n int) (audio, photo string, err error) {
	takes, err := d.spool.Takes()
	if err != nil {
		return "", "", err
	}
	for _, t := range takes {
		if t.Hop == hop && t.Take == n && t.Audio != "" {
			return t.Audio, t.Photo, nil
		}
	}
	return "", "", spool.ErrUnknown
}

// seal puts a take into the outbox. When it answers Sealed the reply is saved.
func (d *Daemon) seal(f flow.Effect) {
	if _, ok := d.closing[takeID{f.Hop, f.Take}]; ok {
		// Its digest would not be that of the whole: it waits as a draft.
		d.step(flow.Event{Kind: flow.KindSealFailed, Seq: f.Seq, Code: flow.CodeMic})
		return
	}
	it, err := d.sealed(f)
	if err != nil {
		d.diskTrouble("seal", err)
		d.step(flow.Event{Kind: flow.KindSealFailed, Seq: f.Seq, Code: flow.CodeDisk})
		return
	}
	d.step(flow.Event{Kind: flow.KindSealed, Seq: f.Seq, Reply: it.ID})
	// The outbox knows a take again that it has had before. If the server has
	// it already, nobody else will say so.
	if r, ok := d.receipt(it.ID); ok {
		d.step(flow.Event{Kind: flow.KindACK, Hop: it.Hop, Reply: it.ID, Late: r.State == protocol.ReplyLate})
	}
}

func (d *Daemon) sealed(f flow.Effect) (spool.Item, error) {
	audio, err := d.spool.KeepTake(f.Hop, f.Take) // it may be what a power cut left
	if errors.Is(err, spool.ErrUnknown) {
		// An earlier attempt may have sealed it; then the outbox knows.
		audio, err = "", nil
	}
	if err != nil {
		return spool.Item{}, err
	}
	audio, photo, err := d.sealedFiles(f, audio)
	if err != nil && !errors.Is(err, spool.ErrUnknown) {
		return spool.Item{}, err
	}
	marks, err := d.spool.Marks(f.Hop)
	if err != nil {
		return spool.Item{}, err
	}
	draft := spool.Draft{Hop: f.Hop, Epoch: f.Epoch, Take: f.Take, Facts: protocol.Facts{
		SavedAt: d.wall(), ClockSync: d.clockKnown(), BootID: d.o.BootID,
		DurationMS: d.length(f, audio).Milliseconds(), ToneEndMS: d.toneEnd(f).Milliseconds(),
		Takes: f.Takes, Photo: f.Photo, SentBy: f.SentBy, Late: f.Late, HeardAt: marks.HeardAt, Plays: f.Plays,
	}}
	if e, err := d.spool.Entry(f.Hop); err == nil {
		draft.Whisper = e.Offer.Whisper // for the record; the server knows it by the hop
	}
	draft.Files = append(draft.Files, spool.DraftFile{Role: protocol.RoleAudio, Type: typeOf(audio), Path: audio})
	switch {
	case f.Photo != flow.PhotoTaken:
	case photo != "":
		draft.Files = append(draft.Files, spool.DraftFile{Role: protocol.RoleImage, Type: "image/jpeg", Path: photo})
	default:
		draft.Facts.Photo = flow.PhotoFailed // it was taken and could not be kept
	}
	return d.spool.Seal(draft)
}

// length is how long a take is.
func (d *Daemon) length(f flow.Effect, path string) time.Duration {
	if m, ok := d.measured[takeID{f.Hop, f.Take}]; ok && m.Duration > 0 {
		return m.Duration
	}
	s, err := media.OpenSound(path)
	if err != nil {
		return 0 // unknown; the server measures by itself
	}
	defer func() { _ = s.Close() }() // read only
	return s.Duration()
}

// toneEnd prefers the recorder's own count of samples to the machine's clock.
func (d *Daemon) toneEnd(f flow.Effect) time.Duration {
	if m, ok := d.measured[takeID{f.Hop, f.Take}]; ok && m.ToneEnd > 0 {
		return m.ToneEnd
	}
	return max(0, f.ToneEnd)
}

// receipt finds the receipt of a reply that the server has.
func (d *Daemon) receipt(reply string) (protocol.Receipt, bool) {
	sent, err := d.spool.SentItems()
	d.onDisk("read receipts", err)
	for _, it := range sent {
		if it.ID == reply && it.Receipt.Reply == reply {
			return it.Receipt, true
		}
	}
	return protocol.Receipt{}, false
}

// forget erases a hop from the box, but for an offer that came meanwhile and
// for a whisper whose reply is being taken back.
func (d *Daemon) forget(hop string) {
	d.eraseTakes(hop)
	if d.back != nil && d.back.Hop == hop {
		return
	}
	d.onDisk("forget a hop", d.spool.ForgetUpTo(hop, d.told[hop]))
	delete(d.told, hop)
}

// refetch is for a whisper that cannot be played. Wrong bytes are loaded again;
// right bytes that are no sound stay what they are, and are not shown again.
func (d *Daemon) refetch(hop string) {
	err := d.spool.Recheck(hop)
	d.eraseTakes(hop)
	switch {
	case errors.Is(err, spool.ErrDamaged):
		d.log.Warn("a whisper is damaged and fetched again", "hop", hop)
		d.puller.Wake()
	default:
		d.onDisk("check a whisper", err)
	}
}

// showPicture puts a whisper's picture on the screen.
func (d *Daemon) showPicture(hop string) {
	e, err := d.spool.Entry(hop)
	if err != nil {
		d.onDisk("show a picture", err)
		return
	}
	f, ok := fileOf(e.Offer, protocol.RoleImage)
	if !ok {
		return
	}
	const words = "The picture of this whisper"
	v := d.view
	v.Picture, v.Words = e.Path(f), words
	d.update(v)
	if err := d.o.Display.Show(e.Path(f), words); err != nil {
		d.log.Warn("the picture could not be shown", "error", err)
	}
}

func (d *Daemon) blank() {
	v := d.view
	v.Picture, v.Words = "", ""
	d.update(v)
	if err := d.o.Display.Blank(); err != nil {
		d.log.Warn("the screen could not be darkened", "error", err)
	}
}

// stages of the machine, as the wire calls them.
var stages = map[flow.Stage]protocol.MessageType{
	flow.StageHeard: protocol.TypeHeard, flow.StageRecording: protocol.TypeRecording, flow.StageSaved: protocol.TypeSaved,
}

// progress keeps a message for the server and sends it; what is not
// acknowledged goes again with the next connection.
func (d *Daemon) progress(f flow.Effect) {
	d.note(stages[f.Stage], protocol.Progress{Hop: f.Hop, Epoch: f.Epoch, At: d.wall(), Take: f.Take})
}

func (d *Daemon) note(t protocol.MessageType, p protocol.Progress) {
	m, err := d.spool.Note(t, p)
	if errors.Is(err, spool.ErrStale) {
		return // the hop was offered anew; news of the old offer are void
	}
	if err == nil {
		err = d.o.Link.Progress(m)
	}
	d.onDisk("note progress", err)
}

// within runs fn with a deadline.
func within(ctx context.Context, limit time.Duration, fn func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return fn(ctx)
}
