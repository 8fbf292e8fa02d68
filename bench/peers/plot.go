package main

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// The plot is bars of lines a second, on a logarithmic scale, for each input. It is written by hand: a plotting library would be
// the largest thing in this module for the sake of some rectangles.

const (
	plotWidth = 860
	labelsEnd = 330 // where the bars begin
	barsEnd   = 760 // where the largest one ends
	barHeight = 16
	barStep   = 22
	least     = 1e4 // lines a second at the left end
	most      = 1e8
)

// svg draws all tables below each other.
func (r *report) svg() string {
	height := 46
	for i := range r.tables {
		height += 44 + barStep*len(r.tables[i].rows)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" font-family="sans-serif" font-size="12">`+"\n",
		plotWidth, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", plotWidth, height)
	y := 12
	for i := range r.tables {
		y = r.tables[i].bars(&b, y)
	}
	for rate := float64(least); rate <= most; rate *= 10 {
		fmt.Fprintf(&b, `<text x="%.0f" y="%d" fill="#666666" text-anchor="middle">%s</text>`+"\n", across(rate), y+16, rateName(rate))
	}
	fmt.Fprintf(&b, `<text x="8" y="%d" fill="#666666">lines a second, logarithmic</text>`+"\n</svg>\n", y+16)
	return b.String()
}

// bars draws one table from y on and gives where it ends.
func (t *table) bars(b *strings.Builder, y int) int {
	fmt.Fprintf(b, `<text x="8" y="%d" font-weight="bold" fill="#222222">%s</text>`+"\n", y+16, html.EscapeString(t.name))
	y += 28
	bottom := y + barStep*len(t.rows)
	for rate := float64(least); rate <= most; rate *= 10 {
		x := across(rate)
		fmt.Fprintf(b, `<line x1="%.0f" y1="%d" x2="%.0f" y2="%d" stroke="#dddddd"/>`+"\n", x, y-4, x, bottom)
	}
	for i := range t.rows {
		r := &t.rows[i]
		rate := 1e9 / math.Max(r.perLine(), 1e-3)
		color := "#7d9bc1"
		switch {
		case r.limit:
			color = "#b8b8b8"
		case r.ours:
			color = "#d9772b"
		}
		name := strings.NewReplacer("`", "", "*", "").Replace(r.name)
		fmt.Fprintf(b, `<text x="%d" y="%d" fill="#222222" text-anchor="end">%s</text>`+"\n", labelsEnd-8, y+13, html.EscapeString(name))
		fmt.Fprintf(b, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>`+"\n", labelsEnd, y, across(rate)-labelsEnd, barHeight, color)
		fmt.Fprintf(b, `<text x="%.0f" y="%d" fill="#222222">%s</text>`+"\n", across(rate)+6, y+13, rateName(rate))
		y += barStep
	}
	return y + 16
}

// across gives where a rate is between the ends of the scale.
func across(rate float64) float64 {
	share := math.Log10(rate/least) / math.Log10(most/least)
	return labelsEnd + math.Min(math.Max(share, 0), 1)*(barsEnd-labelsEnd)
}

func rateName(rate float64) string {
	switch {
	case rate >= 1e7:
		return fmt.Sprintf("%.0f M", rate/1e6)
	case rate >= 1e6:
		return fmt.Sprintf("%.1f M", rate/1e6)
	}
	return fmt.Sprintf("%.0f k", rate/1e3)
}
