package labelled

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// values makes the parameters of one log. What names things in one installation (users, hosts, processes) comes from
// pools, most often their first; what numbers things is new each time.
type values struct {
	rng     *rand.Rand
	pools   map[string][]string
	choices strings.Builder // what was chosen since the last reset: the variant of a message
}

func newValues(rng *rand.Rand) *values {
	v := &values{rng: rng, pools: make(map[string][]string)}
	for _, name := range slices.Sorted(maps.Keys(words)) {
		pool := slices.Clone(words[name])
		rng.Shuffle(len(pool), func(a, b int) { pool[a], pool[b] = pool[b], pool[a] })
		v.pools[name] = pool
	}
	for range 30 {
		v.pools["pid"] = append(v.pools["pid"], strconv.Itoa(300+rng.IntN(32000)))
		v.pools["ip"] = append(v.pools["ip"], v.ip())
	}
	for range 6 {
		v.pools["host"] = append(v.pools["host"], v.pick("role")+[]string{"", "-", ".", ""}[rng.IntN(4)]+strconv.Itoa(1+rng.IntN(40)))
	}
	for range 12 {
		v.pools["statement"] = append(v.pools["statement"], v.statement())
	}
	v.pools["self"] = []string{v.pools["host"][0]}
	return v
}

// skewed gives a number below n, the lower the likelier.
func (v *values) skewed(n int) int {
	f := v.rng.Float64()
	return int(f * f * float64(n))
}

func (v *values) pick(pool string) string {
	p := v.pools[pool]
	return p[v.skewed(len(p))]
}

func (v *values) one(of ...string) string { return of[v.rng.IntN(len(of))] }

func (v *values) hex(n int) string {
	var b strings.Builder
	for range n {
		b.WriteByte("0123456789abcdef"[v.rng.IntN(16)])
	}
	return b.String()
}

func (v *values) letters(n int, of string) string {
	var b strings.Builder
	for range n {
		b.WriteByte(of[v.rng.IntN(len(of))])
	}
	return b.String()
}

// int gives a number of any size up to the limit, small ones as likely as large ones.
func (v *values) int(limit float64) string {
	return strconv.FormatInt(int64(math.Exp(v.rng.Float64()*math.Log(limit)))-1, 10)
}

func (v *values) ip() string {
	first := []int{10, 172, 192, 198, 203, 45, 61, 185, 218, 89}[v.rng.IntN(10)]
	return fmt.Sprintf("%d.%d.%d.%d", first, v.rng.IntN(256), v.rng.IntN(256), 1+v.rng.IntN(254))
}

func (v *values) words(pool string, low, high int) string {
	out := make([]string, low+v.rng.IntN(high-low+1))
	for i := range out {
		out[i] = v.pick(pool)
	}
	return strings.Join(out, " ")
}

// value makes a value by its name. An unknown name shows as itself in double question marks; the tests look for those.
func (v *values) value(name, arg string) string {
	if _, ok := v.pools[name]; ok && arg == "" {
		if name == "pid" && v.rng.IntN(4) == 0 || name == "ip" && v.rng.IntN(3) == 0 {
			v.pools[name][v.rng.IntN(len(v.pools[name]))] = map[string]string{"pid": strconv.Itoa(300 + v.rng.IntN(32000)), "ip": v.ip()}[name]
		}
		return v.pick(name)
	}
	for _, family := range []func(string, string) string{v.number, v.network, v.named, v.text} {
		if s := family(name, arg); s != "" {
			return s
		}
	}
	return "??" + name + "??"
}

// number makes what counts, measures, or identifies by digits.
func (v *values) number(name, arg string) string {
	n, _ := strconv.Atoi(arg) // 0 where there is none
	switch name {
	case "int":
		return v.int(1e6)
	case "big":
		return v.int(1e13)
	case "small":
		return v.int(25)
	case "n":
		low, high, _ := strings.Cut(arg, "-")
		a, _ := strconv.Atoi(low)  // the kinds' tests would show it
		b, _ := strconv.Atoi(high) // the kinds' tests would show it
		return strconv.Itoa(a + v.rng.IntN(max(1, b-a+1)))
	case "neg":
		return strconv.Itoa(v.rng.IntN(40) - 10)
	case "float":
		return strconv.FormatFloat(v.rng.Float64()*math.Exp(v.rng.Float64()*7), 'f', 1+v.rng.IntN(4), 64)
	case "pct":
		return strconv.FormatFloat(v.rng.Float64()*100, 'f', v.rng.IntN(3), 64) + "%"
	case "hex":
		return v.hex(max(n, 1))
	case "0x":
		return "0x" + v.hex(max(n, 1))
	case "HEX":
		return strings.ToUpper(v.hex(max(n, 1)))
	case "uuid":
		return v.hex(8) + "-" + v.hex(4) + "-4" + v.hex(3) + "-a" + v.hex(3) + "-" + v.hex(12)
	case "id":
		return v.letters(max(n, 1), "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789")
	case "size":
		return strconv.FormatFloat(v.rng.Float64()*900+1, 'f', v.rng.IntN(3), 64) + v.one("B", "KB", "MB", "GB", "kB")
	case "mib":
		return strconv.FormatFloat(v.rng.Float64()*900+1, 'f', 3, 64) + v.one("KiB", "MiB", "GiB")
	case "dur":
		return time.Duration(math.Exp(v.rng.Float64() * 26)).Round([]time.Duration{1, 1000, 1e6}[v.rng.IntN(3)]).String()
	case "ms":
		return v.int(1e5) + "ms"
	case "bool":
		return v.one("true", "false")
	case "status":
		return []string{"200", "200", "200", "304", "404", "500", "302", "201", "204", "401", "403", "503", "400"}[v.skewed(13)]
	case "date":
		return fmt.Sprintf("2024-%02d-%02d", 1+v.rng.IntN(12), 1+v.rng.IntN(28))
	case "clock":
		return fmt.Sprintf("%02d:%02d:%02d", v.rng.IntN(24), v.rng.IntN(60), v.rng.IntN(60))
	case "version":
		return fmt.Sprintf("%d.%d.%d%s", v.rng.IntN(12), v.rng.IntN(30), v.rng.IntN(20), v.one("", "", "-rc1", "-2", "+build7"))
	}
	return ""
}

// network makes what the net knows.
func (v *values) network(name, _ string) string {
	switch name {
	case "ip6":
		return v.one("fe80::"+v.hex(4)+":"+v.hex(4)+":"+v.hex(4)+":"+v.hex(4), "2001:db8:"+v.hex(4)+"::"+v.hex(2), "::1")
	case "port":
		return strconv.Itoa(1024 + v.rng.IntN(64000))
	case "addr":
		return v.value("ip", "") + ":" + v.value("port", "")
	case "fqdn":
		return v.one(v.pick("host"), v.pick("role"), v.pick("name")) + "." + v.pick("domain")
	case "rdns":
		if v.rng.IntN(4) == 0 {
			return "unknown"
		}
		return v.one("host-"+v.hex(4), "mail"+v.int(50), "static-"+strings.ReplaceAll(v.ip(), ".", "-")) + "." + v.pick("domain")
	case "email":
		return v.one(v.pick("user"), v.pick("name")+"+"+v.int(500)) + "@" + v.pick("domain")
	case "mac":
		s := v.hex(12)
		return s[:2] + ":" + s[2:4] + ":" + s[4:6] + ":" + s[6:8] + ":" + s[8:10] + ":" + s[10:]
	case "urlpath":
		return "/" + v.one("api/v1/", "", "static/", "app/", "v2/") + v.pick("name") + v.one("", "/"+v.int(1e6), "/"+v.pick("name")+"/"+v.int(1e4), "?page="+v.int(50)+"&q="+v.pick("noun"), ".html")
	case "url":
		return v.one("http", "https") + "://" + v.value("fqdn", "") + v.one("", ":8080", ":8443") + v.value("urlpath", "")
	case "ua":
		return v.one("Mozilla/5.0 (X11; Linux x86_64; rv:"+v.int(130)+".0) Gecko/20100101 Firefox/"+v.int(130)+".0", "curl/8."+v.int(9)+".0",
			"Go-http-client/1.1", "kube-probe/1.29", "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "-")
	}
	return ""
}

// named makes the names that software, files and their parts have.
func (v *values) named(name, arg string) string {
	switch name {
	case "path":
		return "/" + v.one("var/lib", "var/data", "opt", "srv", "home", "mnt", "usr/share", "tmp") + "/" + v.pick("name") + v.one("", "/"+v.pick("noun"), "/"+v.hex(8), "/"+v.pick("noun")+"/"+v.int(1000)) + v.one("", ".dat", ".conf", ".log", "/", ".json")
	case "file":
		return v.pick("name") + v.one("-"+v.int(1e5), "", "_"+v.pick("noun")) + "." + v.one("csv", "dat", "xml", "tar.gz", "parquet", "py", "jar")
	case "pod":
		return v.pick("name") + "-" + v.hex(9) + "-" + v.letters(5, "bcdfghjklmnpqrstvwxz2456789")
	case "image":
		return v.one("registry.example.com/", "docker.io/library/", "ghcr.io/acme/") + v.pick("name") + ":" + v.one("latest", "v"+v.value("version", ""), v.hex(8))
	case "class":
		return "com.acme." + v.pick("noun") + "." + title(v.pick("noun")) + v.one("Service", "Handler", "Repository", "Client", "Impl", "")
	case "simple":
		return title(v.pick("noun")) + v.one("Service", "Handler", "Job", "Client", "Request", "")
	case "method":
		return v.one("get", "find", "update", "handle", "load", "on") + title(v.pick("noun"))
	case "thread":
		return v.one("main", "pool-"+v.int(9)+"-thread-"+v.int(40), "http-nio-8080-exec-"+v.int(60), "scheduling-1", "worker-"+v.int(20))
	case "part":
		return v.pick("topic") + "-" + v.int(40)
	case "trace":
		return v.trace(arg)
	}
	return ""
}

// text makes what people or other programs wrote.
func (v *values) text(name, _ string) string {
	switch name {
	case "words":
		return v.words("noun", 1, 6)
	case "two":
		return v.words("noun", 2, 2)
	case "sql":
		statement := v.pick("statement")
		v.choices.WriteString("|" + statement)
		return strings.ReplaceAll(strings.ReplaceAll(statement, "#", v.int(1e6)), "~", v.pick("name"))
	case "json":
		return `{"id":` + v.int(1e6) + `,"` + v.pick("noun") + `":"` + v.pick("name") + `"` + v.one("", `,"tags":["`+v.pick("noun")+`"]`, `,"n":null`) + "}"
	}
	return ""
}

// statement makes one of the statements of an application; # and ~ stand for its values.
func (v *values) statement() string {
	table, a, b := v.pick("noun")+"s", v.pick("noun"), v.pick("noun")
	return v.one("SELECT * FROM "+table+" WHERE "+a+"_id = #",
		"SELECT "+a+", "+b+" FROM "+table+" ORDER BY "+a+" DESC LIMIT #",
		"UPDATE "+table+" SET "+a+" = '~', "+b+" = # WHERE id = #",
		"INSERT INTO "+table+" ("+a+", "+b+") VALUES ($1, $2)",
		"DELETE FROM "+table+" WHERE created_at < now() - interval '# days'")
}

func title(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
