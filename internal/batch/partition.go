package batch

import (
	"strconv"
	"strings"
)

// JoinPartition appends the values of partition keys as one text, which tells them from all others.
func JoinPartition(dst []byte, values []string) []byte {
	for _, v := range values {
		dst = strconv.AppendInt(dst, int64(len(v)), 10)
		dst = append(dst, ':')
		dst = append(dst, v...)
	}
	return dst
}

// SplitPartition returns the values that JoinPartition joined. Of a text that it did not make it returns what it can.
func SplitPartition(text string) (values []string) {
	for text != "" {
		length, rest, _ := strings.Cut(text, ":")
		n, err := strconv.Atoi(length)
		if err != nil || n < 0 || n > len(rest) {
			return values
		}
		values, text = append(values, rest[:n]), rest[n:]
	}
	return values
}
