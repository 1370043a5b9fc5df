package api_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/api"
)

func TestBadInput(t *testing.T) {
	r := newRig(t).with(func(c *api.Config) { c.Limits = api.Limits{MaxBody: 4 << 20, MaxCompressed: 1 << 20} })
	c := r.create("mia@acme", `{"goal":"bad input"}`)
	for name, test := range map[string]func(*rig, created){
		"bodies":      refusesBodies,
		"checkpoints": refusesCheckpoints,
		"creations":   refusesCreations,
		"writes":      refusesWrites,
		"sizes":       refusesSizes,
		"ids":         refusesIDs,
		"keys":        refusesKeys,
	} {
		t.Run(name, func(t *testing.T) { test(r.on(t), c) })
	}
	t.Run("nothing of it was kept", func(t *testing.T) {
		r := r.on(t)
		if all := r.timeline(c, ""); len(all.Events) != 3 { // created, triggered, engine_chosen
			t.Errorf("the timeline is %+v", all)
		}
	})
}

func refusesBodies(r *rig, c created) {
	deep := func(n int) string {
		return `{"goal":"a","other":` + strings.Repeat("[", n) + strings.Repeat("]", n) + "}"
	}
	for _, body := range []string{
		"", " ", "null", "[]", `"x"`, "1", "{", `{"goal":`, `{"goal":"a"`, `{"goal":"a"}}`, `{"goal":"a"} {}`, `{"goal":"a",}`, `{'goal':'a'}`, `{"goal":nan}`,
		"\xef\xbb\xbf{}", "{\"goal\":\"\xff\"}", "{\"goal\":\"\xed\xa0\x80\"}", "{\"goal\":\"a\x00\"}", `{"goal":"a","goal":"b"}`, `{"goal":"a","\u0067oal":"b"}`,
		deep(128), deep(20000), strings.Repeat("{\"a\":", 20000),
	} {
		for _, target := range []string{base, c.path("/checkpoints"), c.path("/checkpoint_writes_batch")} {
			r.send("mia@acme", "POST", target, body).refused(400, domain.CodeInvalidBody, "")
		}
		r.send("mia@acme", "PATCH", c.path(""), body).refused(400, domain.CodeInvalidBody, "")
		r.send("mia@acme", "POST", "/v1/messages", body).refused(400, domain.CodeInvalidBody, "")
	}
	r.send("mia@acme", "POST", base, deep(127)).want(http.StatusCreated)
	// Names are taken as they are spelt, so these are other members.
	r.send("mia@acme", "POST", base, `{"goal":"a","Goal":1}`).want(http.StatusCreated)
}

func refusesCheckpoints(r *rig, c created) {
	ts := newTS()
	post := func(body string) reply { return r.send("mia@acme", "POST", c.path("/checkpoints"), body) }
	for _, odd := range []string{
		"", "x", uuid.NewString(), uuid.Nil.String(), "urn:uuid:" + ts, "{" + ts + "}", strings.ReplaceAll(ts, "-", ""), ts + " ", ts + `\u0000`, strings.Repeat("1", 100000),
	} {
		e := post(fmt.Sprintf(`{"thread_ts":"%s","checkpoint":{},"metadata":{}}`, odd)).refused(400, domain.CodeInvalidField, "thread_ts")
		if !strings.HasPrefix(e.Message, "thread_ts must be a time-ordered UUID (v1, v6 or v7), got ") || len(e.Message) > 400 || e.Fix != "send the checkpoint's id" {
			r.t.Errorf("%.40q is refused with %q, %q", odd, e.Message, e.Fix)
		}
	}
	good := `"thread_ts":"` + ts + `",`
	for rest, field := range map[string]string{
		`"metadata":{}`: "checkpoint", `"checkpoint":{}`: "metadata", `"checkpoint":[],"metadata":{}`: "checkpoint", `"checkpoint":"{}","metadata":{}`: "checkpoint",
		`"checkpoint":{},"metadata":"{}"`: "metadata", `"checkpoint":{},"metadata":null`: "metadata", `"checkpoint":{},"metadata":{},"parent_ts":"x"`: "parent_ts",
		`"checkpoint":{},"metadata":{},"parent_ts":"` + ts + `"`: "parent_ts", `"checkpoint":{},"metadata":{},"parent_ts":7`: "parent_ts",
		`"checkpoint":{},"metadata":{},"current_thread":-1`: "current_thread", `"checkpoint":{},"metadata":{},"current_thread":2147483648`: "current_thread",
		`"checkpoint":{},"metadata":{},"current_thread":1.5`: "current_thread", `"checkpoint":{},"metadata":{},"checkpoint_ns":"a\u0000"`: "checkpoint_ns",
		`"checkpoint":{},"metadata":{},"checkpoint_ns":{}`: "checkpoint_ns", `"checkpoint":{},"metadata":{},"model_metadata_json":{}`: "model_metadata_json",
		`"checkpoint":{},"metadata":{},"model_metadata_json":"\udc00"`: "model_metadata_json",
		`"checkpoint":{"channel_values":{"a":1,"a":2}},"metadata":{}`:  "checkpoint", `"checkpoint":{"channel_values":{},"channel_values":{}},"metadata":{}`: "checkpoint",
		`"compressed_checkpoint":1,"metadata":{}`: "compressed_checkpoint", `"compressed_checkpoint":"%%","metadata":{}`: "compressed_checkpoint",
		`"compressed_checkpoint":"aGVsbG8=","metadata":{}`: "compressed_checkpoint", `"checkpoint":{},"compressed_checkpoint":"","metadata":{}`: "compressed_checkpoint",
	} {
		a := post("{" + good + rest + "}").want(400)
		if e := a.refusal(); e.Code != "invalid_field" || !strings.Contains(e.Field, field) {
			r.t.Errorf("%s is refused with %s in %q", rest, e.Code, e.Field)
		}
	}
	for _, inner := range []string{"", "  ", "[1]", "{", "\"x\"", "{\"a\":\"\xff\"}", strings.Repeat("[", 200) + strings.Repeat("]", 200), `{"a":1} {}`} {
		post(fmt.Sprintf(`{%s"compressed_checkpoint":%q,"metadata":{}}`, good, deflate(r.t, inner))).refused(400, domain.CodeInvalidField, "compressed_checkpoint")
	}
	cut := deflate(r.t, `{"channel_values":{"a":"`+strings.Repeat("abc", 1000)+`"}}`)
	packed, err := base64.StdEncoding.DecodeString(cut)
	must(r.t, err)
	post(fmt.Sprintf(`{%s"compressed_checkpoint":%q,"metadata":{}}`, good, base64.StdEncoding.EncodeToString(packed[:len(packed)-9]))).refused(400, domain.CodeInvalidField, "compressed_checkpoint")
}

func refusesCreations(r *rig, _ created) {
	for body, field := range map[string]string{
		`{"goal":1}`: "goal", `{"goal":"\ud800x"}`: "goal", `{"start_workflow":"yes"}`: "start_workflow", `{"agent_privileges":[0]}`: "agent_privileges",
		`{"agent_privileges":"1"}`: "agent_privileges", `{"agent_privileges":[1.5]}`: "agent_privileges", `{"agent_privileges":[1],"pre_approved_agent_privileges":[2]}`: "pre_approved_agent_privileges",
		`{"agent_privileges":[` + strings.Repeat("1,", 64) + `1]}`: "agent_privileges",
		`{"messaging_callback_context":"{}"}`:                      "messaging_callback_context", `{"messaging_callback_context":[1]}`: "messaging_callback_context", `{"additional_context":{}}`: "additional_context",
		`{"image":"a\u0000"}`: "image", `{"source":"a\u0000"}`: "source", `{"environment":7}`: "environment", `{"workflow_definition":"a\u0000"}`: "workflow_definition",
		`{"client_reference":"\u0000"}`: "client_reference", `{"source_branch":{}}`: "source_branch",
	} {
		r.send("mia@acme", "POST", base, body).refused(400, domain.CodeInvalidField, field)
	}
	for body, field := range map[string]string{
		`{"goal":"` + strings.Repeat("g", 16385) + `"}`: "goal", `{"image":"` + strings.Repeat("i", 2049) + `"}`: "image",
		`{"messaging_callback_context":{"a":"` + strings.Repeat("c", 16<<10) + `"}}`: "messaging_callback_context",
		`{"client_reference":"` + strings.Repeat("c", 256) + `"}`:                    "client_reference",
	} {
		r.send("mia@acme", "POST", base, body).refused(413, domain.CodeTooLarge, field)
	}
	// A goal is a value: it may hold anything and comes back as it was.
	got := r.send("mia@acme", "POST", base, `{"goal":"\u0000\n<\ud83d\ude00"}`).want(http.StatusCreated).object()
	if string(got["goal"]) != `"\u0000\n<😀"` {
		r.t.Errorf("the goal is %s", got["goal"])
	}
}

func refusesWrites(r *rig, c created) {
	ts := newTS()
	post := func(writes string) reply {
		return r.send("mia@acme", "POST", c.path("/checkpoint_writes_batch"), `{"thread_ts":"`+ts+`"`+writes+`}`)
	}
	for writes, field := range map[string]string{
		"": "checkpoint_writes", `,"checkpoint_writes":{}`: "checkpoint_writes", `,"checkpoint_writes":[1]`: "checkpoint_writes[0]",
		`,"checkpoint_writes":[{"task":"t","channel":"c"},{"task":1}]`: "checkpoint_writes[1].task", `,"checkpoint_writes":[{"task":"t","task":"u"}]`: "checkpoint_writes[0]",
		`,"checkpoint_writes":[{"task":"t","channel":"c","idx":9999999999}]`: "checkpoint_writes[0].idx", `,"checkpoint_writes":[{"channel":"c"}]`: "checkpoint_writes[0].task",
		`,"checkpoint_writes":[{"task":"t\u0000","channel":"c"}]`: "checkpoint_writes[0].task", `,"checkpoint_writes":[{"task":"t","channel":"c","data":{}}]`: "checkpoint_writes[0].data",
	} {
		if e := post(writes).want(400).refusal(); e.Field != field {
			r.t.Errorf("%s is refused with %s in %q, not %q", writes, e.Code, e.Field, field)
		}
	}
	post(`,"checkpoint_writes":[{"task":"t","channel":"c","data":"`+strings.Repeat("d", 10001)+`"}]`).refused(413, domain.CodeTooLarge, "checkpoint_writes[0].data")
	post(`,"checkpoint_writes":[`+strings.Repeat(`{"task":"t","channel":"c"},`, 100)+`{"task":"t","channel":"c"}]`).refused(413, domain.CodeTooLarge, "checkpoint_writes")
}

func zipped(t *testing.T, raw []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write(raw)
	must(t, err)
	must(t, z.Close())
	return b.Bytes()
}

func refusesSizes(r *rig, c created) {
	checkpoint := func(n int) string {
		return `{"thread_ts":"` + newTS() + `","checkpoint":{"channel_values":{"a":"` + strings.Repeat("a", n) + `"}},"metadata":{}}`
	}
	path := c.path("/checkpoints")
	if e := r.send("mia@acme", "POST", path, checkpoint(5<<20)).refused(413, domain.CodeTooLarge, ""); !strings.Contains(e.Message, "4194304") {
		r.t.Errorf("the limit is not named: %s", e.Message)
	}
	bomb := zipped(r.t, make([]byte, 16<<20))
	r.send("mia@acme", "POST", path, bomb, "Content-Encoding", "gzip").refused(413, domain.CodeTooLarge, "")
	noise := make([]byte, 2<<20)
	for i, state := 0, uint32(1); i < len(noise); i++ {
		state = state*1664525 + 1013904223
		noise[i] = byte(state >> 24)
	}
	r.send("mia@acme", "POST", path, zipped(r.t, noise), "Content-Encoding", "gzip").refused(413, domain.CodeTooLarge, "")
	body := fmt.Sprintf(`{"thread_ts":%q,"compressed_checkpoint":%q,"metadata":{}}`, newTS(), deflate(r.t, strings.Repeat(" ", 16<<20)))
	r.send("mia@acme", "POST", path, body).refused(413, domain.CodeTooLarge, "compressed_checkpoint")
	r.send("mia@acme", "PATCH", c.path(""), `{"status_event":"`+strings.Repeat("s", 300<<10)+`"}`).refused(413, domain.CodeTooLarge, "")
	whole := zipped(r.t, []byte(checkpoint(10)))
	for _, bad := range [][]byte{nil, []byte("{}"), whole[:len(whole)-5], whole[:8], append(append([]byte{}, whole...), "tail"...)} {
		r.send("mia@acme", "POST", path, bad, "Content-Encoding", "gzip").refused(400, domain.CodeInvalidBody, "")
	}
	r.send("mia@acme", "POST", path, "{}", "Content-Encoding", "br").refused(400, domain.CodeInvalidBody, "")
	other := r.create("mia@acme", `{}`)
	r.send("mia@acme", "POST", other.path("/checkpoints"), zipped(r.t, []byte(checkpoint(3<<20))), "Content-Encoding", "gzip").want(http.StatusCreated)
}

func refusesIDs(r *rig, _ created) {
	for _, id := range []string{"x", "-1", "01", "1e3", "99999999999999999999", "9007199254740993", "%00", strings.Repeat("1", 300), uuid.Nil.String(), "{" + newTS() + "}"} {
		r.send("mia@acme", "GET", base+"/"+id, nil).refused(400, domain.CodeInvalidField, "id")
		r.send("mia@acme", "POST", base+"/"+id+"/checkpoints", `{}`).refused(400, domain.CodeInvalidField, "id")
	}
	for _, id := range []string{"0", "123456789", newTS()} {
		r.send("mia@acme", "GET", base+"/"+id, nil).refused(404, domain.CodeNotFound, "")
		r.send("mia@acme", "POST", base+"/"+id+"/checkpoints", `{"thread_ts":"`+newTS()+`","checkpoint":{},"metadata":{}}`).refused(404, domain.CodeNotFound, "")
	}
}

func refusesKeys(r *rig, c created) {
	for _, key := range []string{strings.Repeat("k", 256), "\u00e9", "a\tb"} {
		r.send("mia@acme", "POST", base, `{}`, "Idempotency-Key", key).refused(400, domain.CodeInvalidField, "Idempotency-Key")
		r.send("mia@acme", "PATCH", c.path(""), `{"status_event":"start"}`, "Idempotency-Key", key).refused(400, domain.CodeInvalidField, "Idempotency-Key")
	}
}

// TestTruncatedBody cuts a body on the wire.
func TestTruncatedBody(t *testing.T) {
	r := newRig(t)
	server := httptest.NewServer(r.api)
	defer server.Close()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	must(t, err)
	defer conn.Close() //nolint:errcheck // the test is over
	_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer mia@acme\r\nContent-Length: 100\r\n\r\n{\"goal\":", base)
	must(t, err)
	must(t, conn.(*net.TCPConn).CloseWrite())
	answer, err := io.ReadAll(conn)
	must(t, err)
	if !strings.Contains(string(answer), "400 Bad Request") || !strings.Contains(string(answer), `"code":"invalid_body"`) {
		t.Errorf("answered %s", answer)
	}
}

// TestGzipAnswer reads a large answer compressed and a small one as it is.
func TestGzipAnswer(t *testing.T) {
	r := newRig(t)
	c := r.create("mia@acme", map[string]string{"goal": strings.Repeat("goal ", 1000)})
	a := r.send("mia@acme", "GET", c.path(""), nil, "Accept-Encoding", "gzip").want(http.StatusOK)
	if a.header.Get("Content-Encoding") != "gzip" || len(a.body) > 2000 {
		t.Fatalf("%d bytes, encoded %q", len(a.body), a.header.Get("Content-Encoding"))
	}
	z, err := gzip.NewReader(bytes.NewReader(a.body))
	must(t, err)
	raw, err := io.ReadAll(z)
	must(t, err)
	if plain := r.send("mia@acme", "GET", c.path(""), nil).want(http.StatusOK); !bytes.Equal(raw, plain.body) {
		t.Error("compressed, the answer is another")
	}
	if a := r.send("mia@acme", "GET", base+"/agent_privileges", nil, "Accept-Encoding", "gzip;q=0"); a.header.Get("Content-Encoding") != "" {
		t.Error("who takes no gzip gets it")
	}
	if a := r.send("", "GET", "/healthz", nil, "Accept-Encoding", "gzip"); a.header.Get("Content-Encoding") != "" {
		t.Error("a small answer is compressed")
	}
}
