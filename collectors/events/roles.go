package events

// role is what a field of a structured line means. One table serves all loggers (slog, zap, zerolog, logrus, pino,
// bunyan, winston, structlog, Serilog, Logback, Log4j 2, ECS, GCP, AWS, MongoDB, PostgreSQL, GELF, journald, web servers):
// their names hardly collide.
type role uint8

const (
	roleNone role = iota
	roleTime
	roleLevel
	roleLevelWeak // a level where its value is a word, or no better one is there: priorities of anything are called so too
	roleMessage
	roleMessage2 // a message where no better one is there
	roleError    // text, or an object with the error's parts
	roleErrType
	roleErrMessage
	roleStack
	roleErrStack // where the error was made, which says more than where it was logged
	roleLogger
	roleSource // where in the code the line was logged: a logger where none is named
	roleHost
	rolePID
	roleThread
	roleTrace
	roleRequest // a request's id: a trace id where there is none
	roleInside  // an object whose fields count as the line's own
	roleStatus  // an HTTP status, which speaks where no level does
	roleMethod
	rolePath
	roleSevNumber // OpenTelemetry's 1 to 24
)

func topRole(k string) role {
	switch k {
	case "time", "ts", "timestamp", "@timestamp", "@t", "t", "datetime", "date", "asctime", "eventTime", "timeMillis", "instant",
		"Timestamp", "TimeStamp", "Time", "created", "__REALTIME_TIMESTAMP", "receiveTimestamp", "time_local", "time_iso8601", "logged_at",
		"start_time", "StartUTC", "eventTimestamp", "log_time", "_source_realtime_timestamp":
		return roleTime
	case "level", "lvl", "severity", "@l", "log.level", "levelname", "loglevel", "logLevel", "log_level", "Level", "LogLevel",
		"severity_text", "severityText", "SeverityText", "error_severity", "LEVEL", "SEVERITY", "Severity", "log.severity":
		return roleLevel
	case "severityNumber", "SeverityNumber", "severity_number":
		return roleSevNumber
	case "s", "PRIORITY", "priority", "lev":
		return roleLevelWeak
	case "msg", "message", "@m", "short_message", "MESSAGE", "event", "textPayload", "Message", "body", "Body", "RenderedMessage":
		return roleMessage
	case "@mt", "log", "full_message", "text", "desc", "MessageTemplate", "event.original", "message_template", "request", "request_line", "stringValue":
		return roleMessage2
	case "error", "err", "exception", "exc_info", "@x", "Exception", "thrown", "cause", "exc", "throwable", "fault", "Error", "errors":
		return roleError
	case "error.type", "exception.type", "errorType", "exception_type", "exception.class", "err.type", "error_type", "exceptionClass",
		"exception_class", "error.kind", "exception_name", "_error_type":
		return roleErrType
	case "error.message", "errorMessage", "exception.message", "err.message", "error_message", "exception_message", "error.msg", "_error_message":
		return roleErrMessage
	case "stack", "stacktrace", "stackTrace", "traceback", "trace_back", "backtrace", "StackTrace", "trace_stack":
		return roleStack
	case "stack_trace", "error.stack_trace", "exception.stacktrace", "error.stack", "exception.stack_trace", "err.stack", "errorStack",
		"errorVerbose", "exception.backtrace", "_error_stack_trace", "exception_stacktrace", "exception.stack":
		return roleErrStack
	case "logger", "logger_name", "loggerName", "log.logger", "name", "target", "SourceContext", "category", "Category", "c",
		"module", "component", "_log_logger", "Logger":
		return roleLogger
	case "caller", "source", "sourceLocation", "logging.googleapis.com/sourceLocation", "src", "location", "code.filepath":
		return roleSource
	case "host", "hostname", "host.name", "_HOSTNAME", "HOSTNAME", "Host", "hostName":
		return roleHost
	case "pid", "process.pid", "process", "_PID", "processId", "process_id", "_process_pid", "ProcessId":
		return rolePID
	case "thread", "thread_name", "threadName", "process.thread.name", "thread_id", "tid", "ctx", "_process_thread_name", "ThreadId":
		return roleThread
	case "trace_id", "traceId", "trace.id", "traceID", "TraceId", "@tr", "dd.trace_id", "logging.googleapis.com/trace", "trace", "xray_trace_id",
		"otelTraceID", "_trace_id":
		return roleTrace
	case "correlation_id", "correlationId", "request_id", "requestId", "req_id", "reqId", "requestID", "RequestId", "CorrelationId",
		"function_request_id", "aws_request_id", "http.request.id":
		return roleRequest
	case "jsonPayload", "fields", "record", "Properties", "jsonMessage", "data.log", "httpRequest", "attributes", "Attributes":
		return roleInside
	case "status", "status_code", "statusCode", "http_status", "http_status_code", "http.response.status_code", "http.status_code", "response_status",
		"responseStatus", "response_code", "DownstreamStatus", "StatusCode", "sc-status", "res.statusCode":
		return roleStatus
	case "method", "http_method", "request_method", "requestMethod", "http.request.method", "http.method", "verb", "RequestMethod", "Method",
		"cs-method", "req.method":
		return roleMethod
	case "path", "uri", "url", "request_uri", "requestUrl", "url.path", "http.url", "http.target", "RequestPath", "Path", "requestPath", "uri_path",
		"url.original", "cs-uri-stem", "req.url":
		return rolePath
	}
	return roleNone
}

// nestedRole gives the role of field k inside an object whose own role, or name, is known.
func nestedRole(outer role, name, k string) role {
	switch outer {
	case roleInside:
		return topRole(k)
	case roleError:
		switch k {
		case "message", "msg", "exc_value", "value", "Message", "errorMessage", "localizedMessage", "exception_message":
			return roleErrMessage
		case "type", "name", "class", "kind", "exc_type", "Type", "ClassName", "class_name", "className", "errorType", "exception_class":
			return roleErrType
		case "stack", "stack_trace", "stacktrace", "stackTrace", "StackTrace", "frames", "trace", "extendedStackTrace", "backtrace", "stepArray":
			return roleErrStack
		case "cause", "InnerException", "err", "error", "innerException":
			return roleError
		}
		return roleNone
	}
	switch name {
	case "log", "logger":
		switch k {
		case "level":
			return roleLevel
		case "logger", "name":
			return roleLogger
		case "origin":
			return roleSource
		case "message", "msg":
			return roleMessage2
		}
	case "trace":
		if k == "id" {
			return roleTrace
		}
	case "host":
		if k == "name" || k == "hostname" {
			return roleHost
		}
	case "process":
		switch k {
		case "pid":
			return rolePID
		case "thread":
			return roleThread
		}
	case "thread":
		if k == "name" {
			return roleThread
		}
	case "req", "http_request":
		if k == "id" {
			return roleRequest
		}
		return requestRole(k)
	case "request", "http", "url":
		return requestRole(k)
	case "res", "response":
		return requestRole(k)
	}
	return roleNone
}

func requestRole(k string) role {
	switch k {
	case "method", "requestMethod":
		return roleMethod
	case "url", "uri", "path", "original", "requestUrl", "target":
		return rolePath
	case "statusCode", "status", "status_code":
		return roleStatus
	}
	return roleNone
}

// wrapper says whether an object called name at the top of a line has fields with a role.
func wrapper(name string) bool {
	switch name {
	case "log", "logger", "trace", "host", "process", "thread", "req", "res", "request", "response", "http", "http_request", "url":
		return true
	}
	return false
}
