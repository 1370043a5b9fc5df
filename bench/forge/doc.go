// Package forge writes a long log quickly: conversations that are decided and packed
// by the domain itself, as the product would, and appended in large batches instead
// of one request after another. What comes out is a log that admission accepts
// record by record.
package forge
