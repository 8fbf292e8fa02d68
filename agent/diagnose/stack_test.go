package diagnose

import (
	"testing"

	"github.com/logwright/logwright/agent/incident"
)

func TestFamilies(t *testing.T) {
	for typ, want := range map[string]incident.Category{
		"System.NullReferenceException":                 "code-bug",
		"NoMethodError":                                 "code-bug",
		"System.InvalidOperationException":              "code-bug",
		"java.lang.OutOfMemoryError":                    "resource-exhaustion",
		"System.IO.FileLoadException":                   "dependency",
		"System.UnauthorizedAccessException":            "permission",
		"java.nio.file.AccessDeniedException":           "permission",
		"java.net.SocketTimeoutException":               "network",
		"Faraday::ConnectionFailed":                     "network",
		"requests.exceptions.HTTPError":                 "network",
		"ActiveRecord::RecordNotFound":                  "data",
		"com.fasterxml.jackson.core.JsonParseException": "data",
		"System.FormatException":                        "data",
		"Microsoft.Data.SqlClient.SqlException":         "dependency",
		"com.mongodb.MongoCommandException":             "dependency",
		"System.IO.FileNotFoundException":               "configuration",
		"com.shop.InvoiceStateException":                "unknown",
	} {
		inc := lines("api", "a.log", typ+": something")
		inc.Samples[0].Record.Exception = typ
		d := newTest(t, nil, Config{})
		ev := d.evidence(inc)
		if got := d.fromStack(ev, 0); got.Category != want {
			t.Errorf("%s: %s, want %s", typ, got.Category, want)
		}
	}
}

// A frame of a library is never the culprit.
func TestCulpritIsOwnCode(t *testing.T) {
	inc := strangeException()
	r := &inc.Samples[0].Record
	r.Frames[0].InApp = false
	d := newTest(t, nil, Config{})
	if c := d.Offline(inc).Diagnosis.Culprit; c == nil || c.File != "Job.java" || c.Line != 12 {
		t.Errorf("culprit %+v", c)
	}
	r.Frames[1].InApp = false
	if res := d.Offline(inc); res.Diagnosis.Culprit != nil || res.Diagnosis.Category != "unknown" {
		t.Errorf("got %+v", res.Diagnosis)
	}
	// A frame that the kept lines do not show is not claimed.
	r.Frames = []incident.Frame{{File: "Elsewhere.java", Line: 3, Function: "x", InApp: true}}
	if c := d.Offline(inc).Diagnosis.Culprit; c != nil {
		t.Errorf("culprit %+v", c)
	}
}

func TestShortFunction(t *testing.T) {
	for in, want := range map[string]string{
		"shop/internal/cart.(*Cart).Total": "Cart.Total",
		"main.(*Cart).Total(0xc000)":       "Cart.Total",
		"main.main":                        "main.main",
		"com.shop.CartService.total":       "CartService.total",
		"Shop::Cart::total":                "Cart.total",
		"checkout":                         "checkout",
		"":                                 "",
	} {
		if got := shortFunction(in); got != want {
			t.Errorf("shortFunction(%q) = %q, want %q", in, got, want)
		}
	}
}
