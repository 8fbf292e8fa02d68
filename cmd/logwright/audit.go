package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/store"
)

func (a *app) auditCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Show and verify what was decided and done",
		Long: `The audit is a chain: each entry's hash covers the entry before it, so that no entry can be changed,
removed or put in between without "audit verify" seeing it. The daemon writes the head of the chain
to its own log once an hour and when it stops, and notes it in the state, too. A chain that was cut
short below that note is seen; one that was cut short or written anew together with the note is seen
when such a head is given with --anchor.`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.auditShowCommand(), a.auditVerifyCommand())
	return cmd
}

type auditDocument struct {
	Schema  string               `json:"schema"`
	Entries []auditEntryDocument `json:"entries"`
}

type auditEntryDocument struct {
	Seq     int64           `json:"seq"`
	At      time.Time       `json:"at"`
	Actor   string          `json:"actor"`
	Action  string          `json:"action"`
	Subject string          `json:"subject"`
	Detail  json.RawMessage `json:"detail"`
	Hash    string          `json:"hash"`
}

func (a *app) auditShowCommand() *cobra.Command {
	var n int
	cmd := &cobra.Command{
		Use:     "show",
		Short:   "Show the latest entries",
		Example: "  logwright audit show -n 20\n  logwright audit show -o json | jq '.entries[] | select(.action == \"diagnosed\")'",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			st, err := a.open(cmd.Context(), true)
			if err != nil {
				return err
			}
			defer st.Close()
			head, err := st.AuditHead(cmd.Context())
			if err != nil {
				return err
			}
			from := int64(1)
			if n > 0 {
				from = max(1, head.Seq-int64(n)+1)
			}
			entries, err := st.AuditEntries(cmd.Context(), from, 0)
			if err != nil {
				return err
			}
			if a.output == "json" {
				doc := auditDocument{Schema: "logwright/audit/1", Entries: []auditEntryDocument{}}
				for _, e := range entries {
					doc.Entries = append(doc.Entries, auditEntryDocument{
						Seq: e.Seq, At: e.At.UTC(), Actor: e.Actor, Action: e.Action, Subject: e.Subject, Detail: e.Detail,
						Hash: hex.EncodeToString(e.Hash[:]),
					})
				}
				return writeJSON(a.out, doc)
			}
			p := newPage(a.out)
			for _, e := range entries {
				p.line("%6d  %s  %-12s %-14s %-22s %s", e.Seq, stamp(e.At), incident.PrintableLine(e.Actor),
					incident.PrintableLine(e.Action), incident.PrintableLine(e.Subject), incident.PrintableLine(string(e.Detail)))
			}
			return p.w.Flush()
		},
	}
	cmd.Flags().IntVarP(&n, "number", "n", 50, "how many entries, 0 for all")
	return cmd
}

type verifyDocument struct {
	Schema   string `json:"schema"`
	OK       bool   `json:"ok"`
	Entries  int64  `json:"entries"`
	HeadSeq  int64  `json:"head_seq"`
	HeadHash string `json:"head_hash"`
	BrokenAt int64  `json:"broken_at"`
	Reason   string `json:"reason"`
}

func (a *app) auditVerifyCommand() *cobra.Command {
	var anchors []string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Walk the chain; exit 1 where it does not hold",
		Example: `  logwright audit verify
  logwright audit verify --anchor 1042:9f86d081…   # a head that the daemon logged: seq and hash`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			heads := make([]store.AuditHead, 0, len(anchors))
			for _, s := range anchors {
				h, err := parseAnchor(s)
				if err != nil {
					return err
				}
				heads = append(heads, h)
			}
			st, err := a.open(cmd.Context(), true)
			if err != nil {
				return err
			}
			defer st.Close()
			r, err := st.VerifyAudit(cmd.Context(), heads...)
			if err != nil {
				return err
			}
			hash := hex.EncodeToString(r.Head.Hash[:])
			if a.output == "json" {
				err = writeJSON(a.out, verifyDocument{
					Schema: "logwright/audit-verify/1", OK: r.OK(), Entries: r.Entries, HeadSeq: r.Head.Seq, HeadHash: hash,
					BrokenAt: r.BrokenAt, Reason: r.Reason,
				})
			} else if r.OK() {
				_, err = fmt.Fprintf(a.out, "%s, the chain holds; its head is %d:%s\n", count(r.Entries, "entry", "entries"), r.Head.Seq, hash)
				if err == nil && len(heads) == 0 {
					_, err = fmt.Fprintln(a.out, "No --anchor was given: a chain that was written anew, or cut short, together with the state's own note of its head would hold, too.")
				}
			}
			if err != nil || r.OK() {
				return err
			}
			return hint(fmt.Errorf("the audit does not hold at entry %d: %s", r.BrokenAt, r.Reason),
				"%s before it held; compare with the heads that the daemon logged (\"audit head\")", count(r.Entries, "entry", "entries"))
		},
	}
	cmd.Flags().StringArrayVar(&anchors, "anchor", nil, "SEQ:HASH of a head that was kept elsewhere; may be given several times")
	return cmd
}

func parseAnchor(s string) (store.AuditHead, error) {
	var h store.AuditHead
	seq, hash, ok := strings.Cut(s, ":")
	n, err := strconv.ParseInt(seq, 10, 64)
	raw, hexErr := hex.DecodeString(hash)
	if !ok || err != nil || hexErr != nil || n < 1 || len(raw) != len(h.Hash) {
		return h, hint(usagef("--anchor %q is not SEQ:HASH", s), "it is a number, a colon and 64 hexadecimal digits, as the daemon's line \"audit head\" has them")
	}
	h.Seq = n
	copy(h.Hash[:], raw)
	return h, nil
}
