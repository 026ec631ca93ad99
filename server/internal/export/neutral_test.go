package export

import "testing"

func TestNeutral(t *testing.T) {
	for cell, want := range map[string]string{
		"": "", "Gulls": "Gulls", "Äpfel": "Äpfel", "a=b": "a=b", "2026-11-21": "2026-11-21",
		"=1+1": "'=1+1", "+49 30": "'+49 30", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1", "\r=1": "'\r=1", "\n=1": "'\n=1",
		"＝1+1": "'＝1+1", "＋1": "'＋1", "－1": "'－1", "＠SUM(A1)": "'＠SUM(A1)", "\xff=1": "\xff=1",
	} {
		if got := neutral(cell); got != want {
			t.Errorf("%q became %q, want %q", cell, got, want)
		}
	}
}
