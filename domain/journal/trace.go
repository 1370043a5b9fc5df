package journal

// TraceHeader is the header in which a record carries the W3C trace context of
// the append that wrote it. It means nothing to admission.
const TraceHeader = "traceparent"

// traceLength is that of version 00: 00-<32 hex digits>-<16>-<2>.
const traceLength = 55

// TraceParent is the trace context among the headers of a record, empty where
// there is none of the form that this build writes: anybody may write a header.
func TraceParent(headers []Header) string {
	for _, h := range headers {
		if h.Key == TraceHeader && isTraceParent(h.Value) {
			return string(h.Value)
		}
	}
	return ""
}

func isTraceParent(b []byte) bool {
	if len(b) != traceLength || b[0] != '0' || b[1] != '0' {
		return false
	}
	for i, c := range b {
		dash := i == 2 || i == 35 || i == 52
		hex := c >= '0' && c <= '9' || c >= 'a' && c <= 'f'
		if dash != (c == '-') || !dash && !hex {
			return false
		}
	}
	return true
}
