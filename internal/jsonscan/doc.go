// Package jsonscan reads a few fields of a JSON document in one pass, without decoding the rest.
package jsonscan
