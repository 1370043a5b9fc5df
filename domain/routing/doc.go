// Package routing chooses which flow a message starts, by rules that people can
// read: the surface it came from, the place, the first word. The decision says
// which rule made it.
package routing
