package cluster

import "testing"

// TestDomains: names of hosts vary, whatever they are made of. Names of files and packages are words, which have to be seen to vary.
func TestDomains(t *testing.T) {
	for msg, want := range map[string]string{
		"lookup of shop.example.org failed":       "lookup of * failed",
		"lookup of db.internal failed":            "lookup of * failed",
		"lookup of a_b.c-d.example.com. failed":   "lookup of *. failed",
		"lookup of www.example.co.uk failed":      "lookup of * failed",
		"lookup of example.uk failed":             "lookup of example.uk failed",
		"lookup of config.yaml failed":            "lookup of config.yaml failed",
		"lookup of org.example.shop failed":       "lookup of org.example.shop failed",
		"lookup of Shop.example.org failed":       "lookup of Shop.example.org failed",
		"lookup of .org failed":                   "lookup of .org failed",
		"suite login.test failed":                 "suite login.test failed",
		"host a.login.test failed":                "host * failed",
		"field user.created.at failed":            "field user.created.at failed",
		"read server.info failed":                 "read server.info failed",
		"mail to root@db bounced":                 "mail to * bounced",
		"mail to root@db.example.org bounced":     "mail to * bounced",
		"call of OrderController@store refused":   "call of OrderController@store refused",
		"call of orders@Store refused":            "call of orders@Store refused",
		"getty@tty started on console of machine": "* started on console of machine",
	} {
		if got := sig(t, Config{}, msg); got != want {
			t.Errorf("%q: %q, wanted %q", msg, got, want)
		}
	}
}

// TestBareWords: the one word behind another is variable when it had as many values as no outcome has.
func TestBareWords(t *testing.T) {
	names := []string{"anna", "ben", "chidi", "dora", "emil", "fatma", "goran", "hana", "ivo", "jana", "kofi", "lena"}
	for n, want := range map[int]int{valuesBare - 1: valuesBare - 1, valuesBare: 1} {
		var msgs []string
		for _, name := range names[:n] {
			msgs = append(msgs, "logout "+name)
		}
		if got, _ := clustersOf(t, msgs...); got != want {
			t.Errorf("%d names: %d clusters, wanted %d", n, got, want)
		}
	}
	if got, _ := clustersOf(t, `Error: "timeout"`, `Error: "overflow"`, `Error: "corruption"`, "mode degraded", "mode emergency", "mode normal"); got != 6 {
		t.Errorf("a few values of one word each: %d clusters, wanted 6", got)
	}
	// The word in front is what a message is about, however many there are.
	var msgs []string
	for _, name := range names {
		msgs = append(msgs, name+" logout")
	}
	if got, _ := clustersOf(t, msgs...); got != len(names) {
		t.Errorf("messages that begin with another word each: %d clusters", got)
	}
}

// TestNobody: what stands for no name is one of the names that vary in its place, at once.
func TestNobody(t *testing.T) {
	for want, msgs := range map[int][]string{
		1: {"connect from web1.example.org[10.0.0.1]", "connect from unknown[10.0.0.2]"},
		2: {"connect from web1.example.org[10.0.0.1]", "connect from somewhere[10.0.0.2]"},
		3: {"state=5 to 17", "state=5 to none", "state=5 to burning"},
	} {
		if got, _ := clustersOf(t, msgs...); got != want {
			t.Errorf("%q: %d clusters, wanted %d", msgs, got, want)
		}
	}
}
