package main

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/logwright/logwright/bench/labelled"
)

func TestAccuracy(t *testing.T) {
	for _, c := range []struct {
		name      string
		truth     []int
		predicted []string
		ga, fga   float64
	}{
		{"all right", []int{1, 1, 2}, []string{"a", "a", "b"}, 1, 1},
		{"one split", []int{1, 1, 2}, []string{"a", "b", "c"}, 1.0 / 3, 2 * (1.0 / 3) * (1.0 / 2) / (1.0/3 + 1.0/2)},
		{"two merged", []int{1, 1, 2, 3}, []string{"a", "a", "b", "b"}, 0.5, 2 * (1.0 / 2) * (1.0 / 3) / (1.0/2 + 1.0/3)},
		{"one line too many", []int{1, 1, 2, 2}, []string{"a", "a", "a", "b"}, 0, 0},
		{"a line lost", []int{1, 1, 2}, []string{"a", "a", ""}, 2.0 / 3, 0.5},
		{"nothing", nil, nil, 0, 0},
	} {
		ga, fga := accuracy(c.truth, c.predicted)
		if math.Abs(ga-c.ga) > 1e-9 || math.Abs(fga-c.fga) > 1e-9 {
			t.Errorf("%s: GA %v FGA %v, want %v and %v", c.name, ga, fga, c.ga, c.fga)
		}
	}
}

func TestLenient(t *testing.T) {
	truth, variant := []int{1, 1, 1, 2}, []string{"x", "x", "y", ""}
	for _, c := range []struct {
		predicted []string
		want      float64
	}{
		{[]string{"a", "a", "a", "b"}, 1},    // as the truth
		{[]string{"a", "a", "c", "b"}, 1},    // split by variants
		{[]string{"a", "c", "c", "b"}, 0.25}, // within a variant
		{[]string{"a", "a", "b", "b"}, 0.5},  // a variant with another template
		{[]string{"a", "a", "", "b"}, 0.75},
	} {
		if got := lenient(truth, variant, c.predicted); got != c.want {
			t.Errorf("%q: %v, want %v", c.predicted, got, c.want)
		}
	}
}

func TestMistakes(t *testing.T) {
	got := mistakes([]int{1, 1, 1, 2, 3, 4}, []string{"a", "a", "b", "c", "c", "d"},
		map[int]string{1: "one", 2: "two", 3: "three", 4: "four"}, map[string]string{"a": "A", "b": "B", "c": "C", "d": "D"})
	want := []mistake{
		{lines: 3, truth: []part{{"one", 3}}, predicted: []part{{"A", 2}, {"B", 1}}, example: 0},
		{lines: 2, truth: []part{{"three", 1}, {"two", 1}}, predicted: []part{{"C", 2}}, example: 3},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestReadHeaders(t *testing.T) {
	at := time.Date(2024, 5, 13, 22, 14, 3, 5e6, time.UTC)
	noYear := time.Date(0, 5, 13, 22, 14, 3, 0, time.UTC)
	events := []labelled.Event{
		{First: 1, Last: 2, Message: "a\n\tat b", Times: []labelled.Time{{At: at}}},
		{First: 3, Last: 3, Message: "c", Times: []labelled.Time{{At: noYear, NoYear: true}}},
		{First: 4, Last: 4, Message: "d"},
	}
	read := func(objects string) headers {
		o, err := parse(strings.NewReader(objects))
		if err != nil {
			t.Fatal(err)
		}
		return readHeaders(events, byLine(o, 4))
	}
	h := read(`{"first_line":1,"last_line":2,"time":"2024-05-14T00:14:03.005+02:00","message":"a"}
		{"first_line":3,"last_line":3,"time":"2031-05-13T22:14:03Z","message":"c"}
		{"first_line":4,"last_line":4,"time":null,"message":"d"}`)
	if h.times != (share{4, 4}) || h.messages != (share{3, 3}) || h.ranges != (share{1, 1}) || h.wrong != nil {
		t.Errorf("all is right, but %+v", h)
	}
	h = read(`{"first_line":1,"last_line":1,"time":"2024-05-13T22:14:03Z","message":"a"}
		{"first_line":2,"last_line":3,"time":"2031-05-13T22:14:04Z","message":"x c","lines":[2,3]}`)
	if h.times != (share{0, 4}) || h.messages != (share{1, 3}) || h.ranges != (share{0, 1}) || len(h.wrong) != 6 {
		t.Errorf("all but a message is wrong, but %+v", h)
	}
}

func TestParseRefuses(t *testing.T) {
	if _, err := parse(strings.NewReader("{}\nnot json")); err == nil {
		t.Error("what is no JSON is taken")
	}
}
