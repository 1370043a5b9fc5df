// Package wmlog is the logger that Watermill gets: its errors are passed on, its
// talk about connections is for debugging, and what it says of each message
// costs nothing.
package wmlog

import (
	"context"
	"log/slog"

	"github.com/ThreeDotsLabs/watermill"
)

type chatter struct {
	logger *slog.Logger
	fields watermill.LogFields
}

// New passes on to logger.
func New(logger *slog.Logger) watermill.LoggerAdapter { return chatter{logger: logger} }

// Error passes on what went wrong.
func (c chatter) Error(msg string, err error, fields watermill.LogFields) {
	c.log(slog.LevelError, msg, fields, slog.Any("error", err))
}

// Info is for debugging.
func (c chatter) Info(msg string, fields watermill.LogFields) { c.log(slog.LevelDebug, msg, fields) }

// Debug says nothing.
func (chatter) Debug(string, watermill.LogFields) {}

// Trace says nothing.
func (chatter) Trace(string, watermill.LogFields) {}

// With adds fields to what will be said.
func (c chatter) With(fields watermill.LogFields) watermill.LoggerAdapter {
	return chatter{c.logger, c.fields.Add(fields)}
}

func (c chatter) log(level slog.Level, msg string, fields watermill.LogFields, attrs ...slog.Attr) {
	ctx := context.Background() //nolint:forbidigo // Watermill's interface has none
	if !c.logger.Enabled(ctx, level) {
		return
	}
	for name, value := range c.fields.Add(fields) {
		attrs = append(attrs, slog.Any(name, value))
	}
	c.logger.LogAttrs(ctx, level, msg, attrs...) //nolint:sloglint // the message is Watermill's
}
