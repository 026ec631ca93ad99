package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
)

func init() {
	for name, index := range map[string]string{
		"Report": "PRIMARY", "Reports": "box_reports_received", "NthReport": "box_reports_received", "DeleteReports": "box_reports_received",
		"BoxCheck": "PRIMARY", "BoxChecks": "box_checks_received", "NthCheck": "box_checks_received", "DeleteChecks": "box_checks_received",
		"OpenRequests": "box_requests_open", "DeletePastRequests": "box_requests_open",
		"Clips": "PRIMARY", "ClipUse": "box_clips_sha256", "ClipDigests": "box_clips_sha256", "ClipOfDevice": "box_clips_sha256",
	} {
		indexes[name] = index
	}
	morePlans = append(morePlans, morePlan{
		tables: []string{"box_reports", "box_checks", "box_requests", "box_clips"},
		fill: func(ctx context.Context, tx *Tx) error {
			var all []error
			for i := range 800 {
				d := fmt.Sprint("device ", i%20)
				_, err := tx.AddReport(ctx, model.BoxReport{DeviceID: d, ReceivedAt: noon.Add(time.Duration(i) * time.Second), Report: protocol.Report{ID: NewID(), Code: protocol.ReportMic}})
				all = append(all, err,
					tx.AddCheck(ctx, model.BoxCheck{DeviceID: d, ReceivedAt: noon.Add(time.Duration(i) * time.Second), Check: protocol.Check{ID: NewID()}}),
					tx.AddRequest(ctx, model.BoxRequest{ID: fmt.Sprint("request ", i), DeviceID: d, AskedAt: noon, EndsAt: noon.Add(time.Hour)}),
					tx.SetClip(ctx, model.Clip{DeviceID: d, Clip: protocol.Clip{Key: fmt.Sprint("key_", i), SHA256: digest(fmt.Sprint("clip ", i))}}))
				if i%40 < 38 {
					_, err := tx.AnswerRequest(ctx, d, fmt.Sprint("request ", i), noon)
					all = append(all, err)
				}
			}
			return errors.Join(all...)
		},
		run: func(ctx context.Context, tx *Tx, _ *model.Whisper) error {
			var all []error
			for i := range KeepReports { // until the oldest are forgotten
				_, err := tx.AddReport(ctx, model.BoxReport{DeviceID: "device 3", ReceivedAt: noon.Add(time.Duration(1000+i) * time.Second), Report: protocol.Report{ID: NewID()}})
				all = append(all, err)
				if i < KeepChecks {
					all = append(all, tx.AddCheck(ctx, model.BoxCheck{DeviceID: "device 3", ReceivedAt: noon.Add(time.Duration(1000+i) * time.Second), Check: protocol.Check{ID: NewID()}}))
				}
			}
			reports, err := tx.Reports(ctx, "device 4", 20)
			all = append(all, err)
			_, err = tx.AddReport(ctx, reports[0]) // kept already
			all = append(all, err, tx.AddRequest(ctx, model.BoxRequest{ID: "r", DeviceID: "device 4", AskedAt: noon}),
				tx.SetClip(ctx, model.Clip{DeviceID: "device 4", Clip: protocol.Clip{Key: "new"}}))
			_, err = tx.AnswerRequest(ctx, "device 4", "r", noon)
			all = append(all, err)
			checks, err := tx.BoxChecks(ctx, "device 4", 20)
			all = append(all, err)
			_, err = tx.BoxCheck(ctx, "device 4", checks[0].ID)
			all = append(all, err)
			_, err = tx.OpenRequests(ctx, "device 4", noon)
			all = append(all, err)
			_, err = tx.Clips(ctx, "device 4")
			all = append(all, err)
			_, err = tx.DeviceHasClip(ctx, "device 4", digest("clip 4"))
			all = append(all, err)
			_, err = tx.DeleteClip(ctx, "device 4", "key_4")
			return errors.Join(append(all, err)...)
		},
	})
}
