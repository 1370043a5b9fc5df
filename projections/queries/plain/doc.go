// Package plain shows a value of any type as JSON, for people and programs that have
// not the serialiser that wrote it. Nothing is made of the classes a value names but
// their names.
//
// JSON stays as it is. MessagePack becomes JSON with the extensions of LangGraph's
// Python serialiser read:
//
//	null, true, 12, "text", [..], {..}  what they are in JSON
//	1.0                                 a float; with a point or an exponent
//	{"float":"nan"}                     a float that JSON has not: nan, inf, -inf
//	{"int":"18446744073709551615"}      an integer beyond 2^53-1
//	{"map":[[1,"one"],..]}              a map with keys that are no text, or twice there
//	{"type":"bytes","base64":".."}      bytes; a text that is not UTF-8 is of type str
//	{"class":"uuid.UUID","value":..}    an object made of one argument (extension 0)
//	{"class":"..","args":[..]}          of several (1)
//	{"class":"..","kwargs":{..}}        of named ones (2; 4 and 5, objects of Pydantic)
//	{"class":"..","value":..,"method":".."}  by a method (3, such as a datetime)
//	{"class":"numpy.ndarray","dtype":"<f8","shape":[2],"order":"C","base64":".."}  (6)
//	{"class":"langgraph.checkpoint.serde.types._DeltaSnapshot","value":..}  (7)
//	{"type":"ext 42","base64":".."}     an extension that is none of those, or is broken
//
// Everything else is its type and its bytes, {"type":"..","base64":".."}: what is
// encrypted (its type has a +), of an unknown type, broken, nested deeper than
// MaxDepth, or would become more than eight times as long.
package plain
