package cluster

import (
	"slices"
	"strings"
	"testing"

	"github.com/logwright/logwright/agent/incident"
)

func TestNormalName(t *testing.T) {
	for _, tc := range []struct{ lang, a, b string }{
		{"java lambda class", "com.shop.Orders$$Lambda$14/0x0000000800c8b840.run", "com.shop.Orders$$Lambda$231/0x00007f1c2c0f3a28.run"},
		{"java lambda class, 21", "com.shop.Orders$$Lambda/0x0000000800c8b840.run", "com.shop.Orders$$Lambda/0x00007f1c2c0f3a28.run"},
		{"java lambda method", "com.shop.Orders.lambda$place$3", "com.shop.Orders.lambda$place$12"},
		{"java anonymous class", "com.shop.Orders$1.run", "com.shop.Orders$2.run"},
		{"java proxy", "jdk.proxy2.$Proxy42.save", "jdk.proxy3.$Proxy7.save"},
		{"java reflection", "jdk.internal.reflect.GeneratedMethodAccessor12.invoke", "jdk.internal.reflect.GeneratedMethodAccessor99.invoke"},
		{"spring", "com.shop.Orders$$SpringCGLIB$$0.place", "com.shop.Orders$$SpringCGLIB$$1.place"},
		{"spring, old", "com.shop.Orders$$EnhancerBySpringCGLIB$$8a1b2c3d.place", "com.shop.Orders$$EnhancerBySpringCGLIB$$99ffee00.place"},
		{"spring, aot", "com.shop.Orders_spring_CGLIB$$1.place", "com.shop.Orders_spring_CGLIB$$2.place"},
		{"scala", "Main$.$anonfun$main$1", "Main$.$anonfun$main$4"},
		{"go closure", "main.(*Server).handle.func1", "main.(*Server).handle.func2"},
		{"go nested closure", "main.run.func1.2", "main.run.func3.1"},
		{"go defer wrapper", "main.run.gowrap1", "main.run.gowrap3"},
		{"go range function", "main.run-range1", "main.run-range2"},
		{"go arguments", "main.f(0xc000112000, 0x5)", "main.f(0xc0004d2000, 0x7)"},
		{"rust hash", "shop::orders::place::h0123456789abcdef", "shop::orders::place::hfedcba9876543210"},
		{"rust closure", "shop::place::{closure#0}", "shop::place::{closure#2}"},
		{".NET async", "Shop.Orders.<Place>d__5.MoveNext", "Shop.Orders.<Place>d__7.MoveNext"},
		{".NET lambda", "Shop.Orders.<>c__DisplayClass3_0.<Place>b__1", "Shop.Orders.<>c__DisplayClass4_1.<Place>b__0"},
		{".NET local function", "Shop.Orders.<Place>g__Check|3_0", "Shop.Orders.<Place>g__Check|4_1"},
		{"ruby block", "block (2 levels) in place", "block (3 levels) in place"},
		{"c++ templates", "shop::Cache<int, std::vector<int>>::get", "shop::Cache<long, std::deque<long>>::get"},
		{"c++ abi tag", "shop::name[abi:cxx11]", "shop::name"},
		{"c++ clones", "shop::place.isra.0.cold", "shop::place.part.3"},
		{"c++ clone", "place(int) [clone .constprop.0]", "place(int)"},
		{"rust crate hash", "std[e28293b1aa0f68bd]::panicking::begin_panic", "std[0028293b1aa0f6aa]::panicking::begin_panic"},
		{"rust closure with a hash", "rs::place::{{closure}}::h59e2e6665b0c4c9b", "rs::place::{{closure}}::h0123456789abcdef"},
		{"kotlin lambda", "com.shop.OrdersKt.place$lambda-3", "com.shop.OrdersKt.place$lambda-1"},
		{"kotlin coroutine", "com.shop.StockKt$take$2.invokeSuspend", "com.shop.StockKt$take$1.invokeSuspend"},
		{"erlang fun", "shop:'-place/1-fun-0-'/1", "shop:'-place/1-fun-2-'/1"},
		{"swift closure", "closure #1 in Orders.place(_:)", "closure #2 in Orders.place(_:)"},
		{"php closure", "Shop\\Orders::{closure:/srv/a.php:12}", "Shop\\Orders::{closure:/app/a.php:31}"},
		{"php anonymous class", "class@anonymous\x00/srv/a.php:12$0::run", "class@anonymous\x00/srv/a.php:40$1::run"},
	} {
		if a, b := normalName(tc.a), normalName(tc.b); a != b || a == "" {
			t.Errorf("%s: %q and %q are %q and %q", tc.lang, tc.a, tc.b, a, b)
		}
	}
	for _, pair := range [][2]string{
		{"main.utf8Decode", "main.utf16Decode"},
		{"com.shop.Orders.place", "com.shop.Orders.cancel"},
		{"com.shop.V1Handler.run", "com.shop.V2Handler.run"},
		{"step2", "step3"},
		{"Object.<anonymous>", "Object.run"},
		{"com.shop.Orders.<init>", "com.shop.Orders.<clinit>"},
		{"<lambda>", "<module>"},
		{"Shop.Orders.<Place>d__5.MoveNext", "Shop.Orders.<Cancel>d__5.MoveNext"},
		{"core::iter::Map<I,F>::next", "core::iter::Filter<I,P>::next"},
		{"operator<", "operator>"},
		{"shop::place::{{closure}}", "shop::cancel::{{closure}}"},
		{"com.shop.Orders$Line.add", "com.shop.Orders$Item.add"},
	} {
		if a, b := normalName(pair[0]), normalName(pair[1]); a == b {
			t.Errorf("%q and %q are both %q", pair[0], pair[1], a)
		}
	}
}

func TestNormalFile(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"/srv/releases/20260311/app/main.py", "main.py"},
		{`C:\app\Orders.cs`, "Orders.cs"},
		{"https://cdn.example/static/main.3f2a91bc.js?v=3", "main.js"},
		{"https://cdn.example/chunk-4QX7ABCD.js:1:2345", "chunk.js"},
		{"index-BqX2kd3a.js", "index.js"},
		{"webpack-internal:///./src/orders.js", "orders.js"},
		{"node:internal/process/task_queues:95:5", "task_queues"},
		{"my-app.js", "my-app.js"},
		{"/app/dist/chunk.3fa9c.js", "chunk.js"},
		{"/app/node_modules/.pnpm/express@4.18.2/node_modules/express/lib/router.js", "router.js"},
		{"/app/releases/20240102150405/lib/cart.rb", "cart.rb"},
		{"/tmp/go-build2412/b001/_testmain.go", "_testmain.go"},
		{"/usr/lib/libshop.so.1.2.3", "libshop.so"},
		{"es2015.js", "es2015.js"},
		{"decade.go", "decade.go"},
		{"", ""},
	} {
		if got := normalFile(tc.in); got != tc.want {
			t.Errorf("%q: %q, want %q", tc.in, got, tc.want)
		}
	}
}

func trace(exception, msg string, frames ...incident.Frame) *incident.Record {
	return &incident.Record{Service: "api", Message: msg, Exception: exception, Frames: frames}
}

// far gives n frames of functions that are not the same.
func far(n int) []incident.Frame {
	var fs []incident.Frame
	for i := range n {
		fs = append(fs, own("chain.py", i, "step_"+string(rune('a'+i))))
	}
	return fs
}

func own(file string, line int, function string) incident.Frame {
	return incident.Frame{File: file, Line: line, Function: function, InApp: true}
}

func lib(file string, line int, function string) incident.Frame {
	return incident.Frame{File: file, Line: line, Function: function}
}

func TestStacks(t *testing.T) {
	type pair struct {
		name string
		a, b *incident.Record
		same bool
	}
	for _, tc := range []pair{
		{"python, lines shifted, another release directory",
			trace("KeyError", "Traceback (most recent call last):", own("/srv/r1/shop/cart.py", 40, "total"), lib("/usr/lib/python3/wsgi.py", 9, "call")),
			trace("KeyError", "Traceback (most recent call last):", own("/srv/r2/shop/cart.py", 57, "total"), lib("/usr/lib/python3/wsgi.py", 12, "call")), true},
		{"python, two bugs under one message",
			trace("KeyError", "Traceback (most recent call last):", own("cart.py", 40, "total")),
			trace("KeyError", "Traceback (most recent call last):", own("mail.py", 40, "send")), false},
		{"one place, two exceptions",
			trace("KeyError", "failed", own("cart.py", 40, "total")),
			trace("ValueError", "failed", own("cart.py", 40, "total")), false},
		{"go, goroutine and addresses",
			trace("", "panic: runtime error: index out of range [5] with length 3", own("/src/main.go", 10, "main.(*S).get"), own("/src/main.go", 90, "main.main.func1")),
			trace("", "panic: runtime error: index out of range [7] with length 2", own("/src/main.go", 14, "main.(*S).get"), own("/src/main.go", 99, "main.main.func2")), true},
		{"java, lambda and proxy numbers",
			trace("java.lang.NullPointerException", "request 17 failed", own("Orders.java", 5, "com.shop.Orders$$Lambda$14/0x0000000800c8b840.run"), lib("", 0, "jdk.proxy2.$Proxy42.save")),
			trace("java.lang.NullPointerException", "request 99 failed", own("Orders.java", 8, "com.shop.Orders$$Lambda$7/0x0000000800aaaa40.run"), lib("", 0, "jdk.proxy2.$Proxy3.save")), true},
		{"java, what the library does differently is not ours",
			trace("E", "m", own("Orders.java", 5, "com.shop.Orders.place"), lib("A.java", 1, "org.lib.A.a")),
			trace("E", "m", own("Orders.java", 5, "com.shop.Orders.place"), lib("B.java", 1, "org.lib.B.b")), true},
		{"node, bundle hash",
			trace("TypeError", "Cannot read properties of undefined (reading 'id')", own("/app/dist/main.3f2a91bc.js", 1, "Object.<anonymous>")),
			trace("TypeError", "Cannot read properties of undefined (reading 'id')", own("/app/dist/main.77e0d1aa.js", 1, "Object.<anonymous>")), true},
		{"no frame of ours: the top ones",
			trace("E", "m", lib("a.go", 1, "net.dial"), lib("b.go", 2, "net.x")),
			trace("E", "m", lib("a.go", 9, "net.dial"), lib("b.go", 7, "net.x")), true},
		{"no frame of ours, another top",
			trace("E", "m", lib("a.go", 1, "net.dial")), trace("E", "m", lib("c.go", 1, "net.listen")), false},
		{"recursion of any depth",
			trace("E", "m", slices.Repeat([]incident.Frame{own("t.rb", 3, "walk")}, 3)...),
			trace("E", "m", slices.Repeat([]incident.Frame{own("t.rb", 3, "walk")}, 900)...), true},
		{"recursion that hides where it came from in one and not in the other",
			trace("E", "m", slices.Concat(slices.Repeat([]incident.Frame{own("t.rb", 3, "a"), own("t.rb", 9, "b")}, 3), []incident.Frame{own("t.rb", 1, "main")})...),
			trace("E", "m", slices.Repeat([]incident.Frame{own("t.rb", 3, "a"), own("t.rb", 9, "b")}, 64)...), true},
		{"python 3.12 has no frame for a comprehension",
			trace("KeyError", "m", own("cart.py", 3, "<listcomp>"), own("cart.py", 3, "total")),
			trace("KeyError", "m", own("cart.py", 3, "total")), true},
		{"another pool below",
			trace("E", "m", own("a.java", 3, "com.shop.Orders.place"), lib("", 0, "java.util.concurrent.ThreadPoolExecutor.runWorker")),
			trace("E", "m", own("a.java", 3, "com.shop.Orders.place"), lib("", 0, "org.apache.tomcat.util.net.NioEndpoint.doRun")), true},
		{"two routes that are near",
			trace("E", "m", own("a.py", 3, "load"), own("a.py", 9, "get_order")),
			trace("E", "m", own("a.py", 3, "load"), own("a.py", 30, "list_orders")), false},
		{"two routes that are far",
			trace("E", "m", append(far(8), own("a.py", 9, "get_order"))...),
			trace("E", "m", append(far(8), own("a.py", 30, "list_orders"))...), true},
		{"one bug with another value in its message",
			trace("KeyError", "no order 17 for 10.0.0.1", own("cart.py", 40, "total")),
			trace("KeyError", "no order 99 for 10.0.0.2", own("cart.py", 44, "total")), true},
		{"one stack with quite another message",
			trace("ValueError", "amount is negative", own("cart.py", 40, "total")),
			trace("ValueError", "currency unknown to the bank", own("cart.py", 44, "total")), false},
		{"windows and unix builds",
			trace("System.Exception", "m", own(`C:\build\17\Orders.cs`, 40, "Shop.Orders.<Place>d__3.MoveNext")),
			trace("System.Exception", "m", own("/src/Orders.cs", 44, "Shop.Orders.<Place>d__4.MoveNext")), true},
		{"a stack is not its message alone",
			trace("E", "m went wrong", own("t.rb", 3, "walk")), trace("", "m went wrong"), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := mustNew(t, Config{})
			a, b := c.Add(tc.a), c.Add(tc.b)
			if (a.ID == b.ID) != tc.same {
				t.Errorf("%s %q\n%s %q", a.ID, c.Template(a.ID), b.ID, c.Template(b.ID))
			}
			// Another host that sees only the second gives it the id that the first has here.
			if h := mustNew(t, Config{}).Add(tc.b); h.ID != b.ID {
				t.Errorf("another host: %s, here %s", h.ID, b.ID)
			}
			check(t, c)
			d, err := Restore(Config{}, slices.Values(c.TakeChanges()))
			if err != nil {
				t.Fatal(err)
			}
			if h := d.Add(tc.a); h.New || h.ID != a.ID || d.Template(h.ID) != c.Template(a.ID) {
				t.Errorf("restored: %+v %q", h, d.Template(h.ID))
			}
		})
	}
}

func TestStackTemplate(t *testing.T) {
	c := mustNew(t, Config{})
	h := c.Add(trace("java.sql.SQLException", "order 17 failed", lib("D.java", 1, "org.db.D.x"), own("Orders.java", 5, "com.shop.Orders.place")))
	if got, want := c.Template(h.ID), "order <*> failed (java.sql.SQLException at com.shop.Orders.place)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	// Names are strangers' text, too.
	h = c.Add(trace("E\x1b[31m\x01", "m", own(strings.Repeat("é", 999), 5, "f\x00\x02"+strings.Repeat("x", 9999))))
	if got := c.Template(h.ID); len(got) > templateLimit || strings.ContainsFunc(got, func(r rune) bool { return r < ' ' }) {
		t.Errorf("%q", got)
	}
	if _, err := Restore(Config{}, slices.Values(c.TakeChanges())); err != nil {
		t.Error(err)
	}
}

// The same stack with a message whose word varies is one bug.
func TestStackMessageVaries(t *testing.T) {
	c := mustNew(t, Config{})
	var last Hit
	for _, w := range []string{"bob", "ann", "cid"} {
		last = c.Add(trace("KeyError", "lookup of "+w+" failed badly", own("cart.py", 40, "total")))
	}
	if got := c.Template(last.ID); got != "lookup of <*> failed badly (KeyError at total)" || c.Stats().Clusters != 1 {
		t.Errorf("%q in %d clusters", got, c.Stats().Clusters)
	}
}

func FuzzStack(f *testing.F) {
	f.Add("E", "com.shop.Orders$$Lambda$14/0x00.run", "main.3f2a91bc.js:1:2")
	f.Add("", "::h0123456789abcdef", "https://x/?#:")
	f.Add("class@anonymous\x00/a:1$0", "{closure:/a:1}", `C:\a`)
	f.Add("0x", "$$SpringCGLIB$$", "-.-.")
	f.Fuzz(func(t *testing.T, exception, function, file string) {
		c := mustNew(t, Config{MaxClusters: minClusters})
		r := trace(exception, "m", own(file, 1, function), lib(function, 2, file))
		a := c.Add(r)
		if b := c.Add(r); b.New || b.ID != a.ID {
			t.Fatalf("%+v, then %+v", a, b)
		}
		if _, err := Restore(Config{MaxClusters: minClusters}, slices.Values(c.TakeChanges())); err != nil {
			t.Fatal(err)
		}
	})
}
