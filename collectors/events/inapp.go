package events

import "strings"

// inApp says whether a frame looks like the service's own code. It is a matter of names and paths: what the languages'
// own libraries, their package managers' directories and the usual frameworks put into a trace is not.
func inApp(l lang, file, function string) bool {
	switch l {
	case langGo:
		return goInApp(file, function)
	case langPython:
		return !strings.HasPrefix(file, "<") && !strings.Contains(file, "/site-packages/") && !strings.Contains(file, "/dist-packages/") &&
			!strings.Contains(file, "/lib/python") && !strings.Contains(file, "\\lib\\") && !strings.Contains(file, "\\Lib\\")
	case langRuby:
		return !strings.Contains(file, "/gems/") && !strings.Contains(file, "/lib/ruby/") && !strings.HasPrefix(file, "<internal:") &&
			!strings.Contains(file, "/vendor/") && !strings.HasPrefix(file, "/usr/lib/") && !strings.HasPrefix(file, "vendor/")
	case langRust:
		return !strings.HasPrefix(file, "/rustc/") && !strings.Contains(file, "/.cargo/registry/") && !strings.Contains(file, "/.cargo/git/") &&
			!strings.Contains(file, "/rustlib/") && !strings.Contains(file, "/usr/src/debug/rust") &&
			!hasAnyPrefix(function, "std::", "core::", "alloc::", "<core::", "<std::", "<alloc::", "rust_begin_unwind", "__rust_")
	case langPHP:
		return file != "" && !strings.Contains(file, "/vendor/")
	case langAt:
		if file == "" || strings.HasSuffix(file, ".cs") || strings.HasSuffix(file, ".fs") || strings.HasSuffix(file, ".vb") {
			return managedInApp(function)
		}
		return jsInApp(file)
	}
	return file != ""
}

func jsInApp(file string) bool {
	return !hasAnyPrefix(file, "node:", "internal/", "<anonymous>", "native", "webpack/", "events.js", "module.js", "net.js", "timers.js", "_stream", "chrome-extension:") &&
		!strings.Contains(file, "node_modules/") && !strings.Contains(file, "node_modules\\") && !strings.Contains(file, "/bootstrap_node")
}

// goInApp takes for libraries what was fetched as a module, vendored, or belongs to the standard library, whose import
// paths have no dot in their first element.
func goInApp(file, function string) bool {
	if strings.Contains(file, "/pkg/mod/") || strings.Contains(file, "/vendor/") || strings.Contains(file, "/go/src/runtime/") || strings.HasPrefix(file, "_cgo") {
		return false
	}
	pkg := function
	if k := strings.IndexByte(pkg, '('); k >= 0 {
		pkg = pkg[:k]
	}
	slash := strings.LastIndexByte(pkg, '/')
	if k := strings.IndexByte(pkg[slash+1:], '.'); k >= 0 {
		pkg = pkg[:slash+1+k]
	}
	if hasAnyPrefix(pkg, "golang.org/x/") {
		return false
	}
	if strings.Contains(file, "/src/"+pkg+"/") && goRoot(file, pkg) {
		return false
	}
	// -trimpath: files of the standard library are "runtime/panic.go"
	if function == "panic" || strings.HasPrefix(file, pkg+"/") && !strings.Contains(pkg, ".") && goStandard(pkg) {
		return false
	}
	return true
}

// goRoot says whether file lies in a Go installation: the path before /src/ ends like one.
func goRoot(file, pkg string) bool {
	root := file[:strings.Index(file, "/src/"+pkg+"/")]
	base := root[strings.LastIndexByte(root, '/')+1:]
	return goStandard(pkg) && (strings.HasPrefix(base, "go") || strings.Contains(root, "golang") || strings.HasPrefix(base, "toolchain"))
}

func goStandard(pkg string) bool {
	first, _, _ := strings.Cut(pkg, "/")
	switch first {
	case "archive", "bufio", "bytes", "cmp", "compress", "container", "context", "crypto", "database", "debug", "encoding", "errors", "expvar",
		"flag", "fmt", "go", "hash", "html", "image", "index", "internal", "io", "iter", "log", "maps", "math", "mime", "net", "os", "path",
		"plugin", "reflect", "regexp", "runtime", "slices", "sort", "strconv", "strings", "structs", "sync", "syscall", "testing", "text",
		"time", "unicode", "unique", "unsafe", "weak", "vendor":
		return true
	}
	return false
}

// managedInApp judges the names of the JVM and of .NET.
func managedInApp(function string) bool {
	switch at(function, 0) {
	case 'j':
		return !hasAnyPrefix(function, "java.", "javax.", "jdk.", "jakarta.", "javafx.", "junit.")
	case 'o':
		return !hasAnyPrefix(function, "org.springframework.", "org.apache.", "org.hibernate.", "org.eclipse.", "org.jboss.", "org.junit.", "org.postgresql.",
			"org.slf4j.", "org.jetbrains.", "org.mockito.", "org.codehaus.", "org.glassfish.", "org.h2.", "org.quartz.", "org.scalatest.", "org.mariadb.",
			"org.gradle.", "org.testng.", "org.thymeleaf.", "org.elasticsearch.", "org.redisson.", "org.jooq.", "org.flywaydb.", "org.xerial.",
			"okhttp3.", "okio.", "oracle.")
	case 'c':
		return !hasAnyPrefix(function, "com.sun.", "com.zaxxer.", "com.fasterxml.", "com.google.common.", "com.google.inject.", "com.google.gson.",
			"com.mysql.", "com.typesafe.", "com.netflix.", "com.mongodb.", "com.datastax.", "com.rabbitmq.", "com.lightbend.", "com.microsoft.sqlserver.",
			"com.amazonaws.", "com.intellij.", "com.oracle.", "com.ibm.", "cats.", "ch.qos.logback.")
	case 's':
		return !hasAnyPrefix(function, "sun.", "scala.", "sbt.", "software.amazon.", "slick.", "scalaz.")
	case 'k':
		return !hasAnyPrefix(function, "kotlin.", "kotlinx.", "kafka.")
	case 'a':
		return !hasAnyPrefix(function, "akka.", "android.", "androidx.", "antlr.")
	case 'i':
		return !hasAnyPrefix(function, "io.netty.", "io.grpc.", "io.vertx.", "io.micrometer.", "io.lettuce.", "io.undertow.", "io.reactivex.", "io.micronaut.",
			"io.quarkus.", "io.ktor.", "io.opentelemetry.", "io.confluent.")
	case 'p':
		return !hasAnyPrefix(function, "play.")
	case 'r':
		return !hasAnyPrefix(function, "reactor.", "redis.clients.", "rx.")
	case 'z':
		return !hasAnyPrefix(function, "zio.")
	case 'g':
		return !hasAnyPrefix(function, "groovy.")
	case 'S':
		return !hasAnyPrefix(function, "System.", "StackExchange.", "Serilog.", "Swashbuckle.")
	case 'M':
		return !hasAnyPrefix(function, "Microsoft.", "MySql.", "MySqlConnector.", "MongoDB.", "MediatR.", "MassTransit.")
	case 'N':
		return !hasAnyPrefix(function, "Npgsql.", "Newtonsoft.", "NLog.", "NUnit.", "Nancy.", "NHibernate.")
	case 'A', 'D', 'P', 'G', 'X', 'l':
		return !hasAnyPrefix(function, "Autofac.", "AutoMapper.", "Dapper.", "Polly.", "Grpc.", "Xunit.", "lambda_method", "Quartz.")
	}
	return function != ""
}

// langOfFile guesses the family from a file's name, for frames that come as fields.
func langOfFile(file string) lang {
	k := strings.LastIndexByte(file, '.')
	if k < 0 {
		return langAt
	}
	switch file[k:] {
	case ".go":
		return langGo
	case ".py":
		return langPython
	case ".rb":
		return langRuby
	case ".rs":
		return langRust
	case ".php":
		return langPHP
	}
	return langAt
}
