package relay

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/route"
	"illumi/server/internal/store"
)

// Design says how the orders of a start come about.
type Design string

// Designs.
const (
	Shuffled Design = "shuffle"  // each whisper in a random order of its own
	Balanced Design = "williams" // a Williams square
	Fixed    Design = "fixed"    // the boxes as they were given
	Uploaded Design = "uploaded" // as a table says
)

// maxRows bounds the text of a table.
const maxRows = 60_000

// checkDesign looks at what can be judged without the database.
func checkDesign(r *StartRequest) error {
	if r.Count == 0 {
		r.Count = 1
	}
	if r.Design == "" {
		r.Design = Shuffled
	}
	switch {
	case !slices.Contains([]Design{Shuffled, Balanced, Fixed, Uploaded}, r.Design):
		return model.RefuseField("design", "This way to order does not exist.", "Choose one of those on the page.")
	case r.Design == Uploaded && len(r.Rows) > maxRows:
		return model.RefuseField("rows", "This table is too long.", "Start in several steps.")
	case r.Design != Uploaded && len(r.Boxes) == 0:
		return model.RefuseField("boxes", "This whisper has no box to travel to.", "Choose at least one box.")
	case len(r.Boxes) > model.MaxBoxes:
		return tooManyBoxes()
	case r.Count < 1 || r.Count > model.MaxWhispers:
		return model.RefuseField("count", fmt.Sprintf("One start makes at most %d whispers.", model.MaxWhispers), fmt.Sprintf("Choose 1 to %d.", model.MaxWhispers))
	}
	if r.Design != Fixed {
		slices.Sort(r.Boxes)
		r.Boxes = slices.Compact(r.Boxes)
	}
	return nil
}

func tooManyBoxes() error {
	return model.RefuseField("boxes", fmt.Sprintf("A whisper can visit %d boxes at most.", model.MaxBoxes), "Choose fewer boxes.")
}

// Preview shows the orders that a start would have, with the seed that makes
// them so: give it to Start, and exactly these are travelled.
func (s *Service) Preview(ctx context.Context, actor model.Actor, r StartRequest) (route.Plan, string, error) {
	var plan route.Plan
	if err := checkDesign(&r); err != nil {
		return plan, "", err
	}
	if r.Seed == "" && (r.Design == Shuffled || r.Design == Balanced) {
		seed, err := drawSeed("")
		if err != nil {
			return plan, "", err
		}
		r.Seed = hex.EncodeToString(seed[:])
	}
	err := s.db.View(ctx, func(tx *store.Tx) error {
		_, err := s.projectOf(ctx, tx, actor, r.ProjectID, model.Steer)
		if err == nil {
			plan, _, err = planOf(ctx, tx, r)
		}
		return err
	})
	return plan, r.Seed, err
}

// planOf makes the orders of a start, and says which box each name is.
func planOf(ctx context.Context, tx *store.Tx, r StartRequest) (route.Plan, map[string]string, error) {
	if r.Design == Uploaded {
		return uploadedPlan(ctx, tx, r)
	}
	names, boxes, err := chosenBoxes(ctx, tx, r.Boxes)
	if err != nil {
		return route.Plan{}, nil, err
	}
	seed, err := drawSeed(r.Seed)
	if err != nil {
		return route.Plan{}, nil, err
	}
	var plan route.Plan
	switch r.Design {
	case Balanced:
		plan, err = route.PlanWilliams(seed, names)
	case Fixed:
		rows := make([][]string, r.Count)
		for k := range rows {
			rows[k] = names
		}
		plan = route.PlanGiven(route.FixedV1, rows)
	default:
		plan, err = route.PlanShuffle(seed, names, r.Count)
	}
	if err == nil && len(plan.Orders) > model.MaxWhispers {
		err = model.RefuseField("boxes", fmt.Sprintf("A balanced order of %d boxes needs %d whispers; one start makes at most %d.", len(names), len(plan.Orders), model.MaxWhispers), "Choose fewer boxes, or another order.")
	}
	return plan, boxes, err
}

// uploadedPlan reads the table. Its names are looked up one by one: only boxes
// that exist can be named.
func uploadedPlan(ctx context.Context, tx *store.Tx, r StartRequest) (route.Plan, map[string]string, error) {
	boxes, known := map[string]string{}, map[string]bool{}
	for after := ""; ; {
		page, err := tx.Devices(ctx, store.MaxPage, after)
		if err != nil {
			return route.Plan{}, nil, err
		}
		for _, d := range page {
			after = d.Name
			if d.RevokedAt.IsZero() {
				boxes[d.Name], known[d.Name] = d.ID, true
			}
		}
		if len(page) < store.MaxPage {
			break
		}
	}
	rows, err := route.ParseRows(r.Rows, known)
	if err != nil {
		return route.Plan{}, nil, err
	}
	if len(rows) > model.MaxWhispers {
		return route.Plan{}, nil, model.RefuseField("rows", fmt.Sprintf("One start makes at most %d whispers.", model.MaxWhispers), "Start in several steps.")
	}
	for _, row := range rows {
		if len(row) > model.MaxBoxes {
			return route.Plan{}, nil, tooManyBoxes()
		}
	}
	return route.PlanGiven(route.UploadedV1, rows), boxes, nil
}

// chosenBoxes returns the names in the order of the ids, and name → id.
func chosenBoxes(ctx context.Context, tx *store.Tx, ids []string) ([]string, map[string]string, error) {
	var names []string
	boxes := make(map[string]string, len(ids))
	for _, id := range ids {
		d, err := tx.Device(ctx, id)
		if errors.Is(err, store.ErrNotFound) || err == nil && !d.RevokedAt.IsZero() {
			return nil, nil, model.RefuseField("boxes", "One of these boxes does not exist any more.", "Load the page again and choose anew.")
		}
		if err != nil {
			return nil, nil, err
		}
		if _, twice := boxes[d.Name]; twice {
			return nil, nil, model.RefuseField("boxes", fmt.Sprintf("The box %q is in the order twice.", d.Name), "A whisper visits each box once.")
		}
		boxes[d.Name] = d.ID
		names = append(names, d.Name)
	}
	return names, boxes, nil
}

func drawSeed(wish string) (seed [route.SeedBytes]byte, err error) {
	if wish != "" {
		return route.ParseSeed(wish)
	}
	_, err = rand.Read(seed[:])
	return seed, err
}

// policyOf is what whisper k of a start takes along from its project.
func policyOf(p model.Project, batch string, k int) model.Policy {
	policy := model.Policy{
		Deadlines: p.Settings.Deadlines, TurnsPerWeek: p.Settings.TurnsPerWeek, Hours: p.Settings.Hours,
		Batch: batch, Number: k + 1, Software: protocol.Build,
	}
	return policy
}
