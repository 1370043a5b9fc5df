package standard

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers of a message.
const (
	HeaderID        = "Webhook-Id"
	HeaderTimestamp = "Webhook-Timestamp"
	HeaderSignature = "Webhook-Signature"
)

// Tolerance is how old, or how far ahead, a message may be.
const Tolerance = 5 * time.Minute

// Why a message is not taken.
var (
	ErrHeaders   = errors.New("a header is missing or cannot be read: webhook-id, webhook-timestamp, webhook-signature")
	ErrTime      = errors.New("the message is more than five minutes old or ahead: it may be a replay")
	ErrSignature = errors.New("no signature is that of a known key")
)

// Sign sets the headers of one attempt. Keys that cannot sign are left out.
func Sign(h http.Header, id string, at time.Time, body []byte, keys ...Key) {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	content := signed(id, timestamp, body)
	var signatures []string
	for _, k := range keys {
		if k.Signs() {
			signatures = append(signatures, k.sign(content))
		}
	}
	h.Set(HeaderID, id)
	h.Set(HeaderTimestamp, timestamp)
	h.Set(HeaderSignature, strings.Join(signatures, " "))
}

// Verify is the id of a message that one of the keys signed not long ago. The
// body MUST be the bytes that came. Whether the id came before is for the
// receiver to know.
func Verify(h http.Header, body []byte, now time.Time, keys ...Key) (id string, err error) {
	id, timestamp := h.Get(HeaderID), h.Get(HeaderTimestamp)
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if id == "" || err != nil {
		return "", ErrHeaders
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > Tolerance || age < -Tolerance {
		return "", ErrTime
	}
	content := signed(id, timestamp, body)
	for one := range strings.FieldsSeq(h.Get(HeaderSignature)) {
		version, encoded, _ := strings.Cut(one, ",")
		signature, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			continue // of a version that is not known here
		}
		for _, k := range keys {
			if k.verifies(version, signature, content) {
				return id, nil
			}
		}
	}
	return "", ErrSignature
}

func signed(id, timestamp string, body []byte) []byte {
	return append([]byte(id+"."+timestamp+"."), body...)
}
