// Package block packs the records that become durable together. A block is the unit of durability: the log keeps its
// bytes without knowing what they mean, and a batch is cut from blocks without unpacking more than it needs.
//
// Layout of a block, integers little endian:
//
//	 0  1  version, 1
//	 1  1  flags: bit 0 the data is S2-compressed, bit 1 the payload is encrypted
//	 2  2  zero
//	 4  4  number of the data key that encrypted the payload, 0 for none
//	 8  4  count of records, at least 1
//	12  4  size of the data in bytes, uncompressed
//	16  4  size of the lengths in bytes
//	20     payload: the length of each record as uvarints, then the data: all records, one after the other
//
// An encrypted payload is a nonce of 12 bytes, then the AES-256-GCM ciphertext and tag; the 20 bytes of the header are
// its additional data. The lengths stand uncompressed before the data, so that batches are cut without decompressing.
// Checksums are the log engine's.
package block

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/klauspost/compress/s2"
)

// SizeMax is the most data that a Builder takes, in bytes. It holds any one record.
const SizeMax = 1 << 20

const (
	version    = 1
	headerSize = 20
	nonceSize  = 12

	flagCompressed = 1 << 0
	flagEncrypted  = 1 << 1

	countMax = 1 << 24 // sanity bounds for what Unpack believes
	dataMax  = 1 << 28
)

// ErrCorrupt is wrapped by the errors of bytes that are no block.
var ErrCorrupt = errors.New("corrupt block")

// Key encrypts blocks. Number names it, at least 1.
type Key struct {
	Number uint32
	AEAD   cipher.AEAD // AES-256-GCM
}

// Keys finds the key of a number. It is asked only for blocks that are encrypted.
type Keys func(number uint32) (cipher.AEAD, error)

// Builder gathers records. The zero Builder is empty and ready.
type Builder struct {
	lengths []byte
	data    []byte
	count   int
}

// Fits says whether a record of n bytes may be appended: always when the builder is empty.
func (b *Builder) Fits(n int) bool { return b.count == 0 || len(b.data)+n <= SizeMax }

// Append adds a copy of a record.
func (b *Builder) Append(data []byte) {
	b.lengths = binary.AppendUvarint(b.lengths, uint64(len(data)))
	b.data = append(b.data, data...)
	b.count++
}

// Count returns the number of records.
func (b *Builder) Count() int { return b.count }

// Reset empties the builder and keeps its memory.
func (b *Builder) Reset() { *b = Builder{lengths: b.lengths[:0], data: b.data[:0]} }

// Pack appends the block to dst. The key is nil for a block that is not encrypted.
func (b *Builder) Pack(dst []byte, key *Key) []byte {
	start := len(dst)
	dst = slices.Grow(dst, headerSize+nonceSize+len(b.lengths)+s2.MaxEncodedLen(len(b.data))+16)
	dst = append(dst, version, 0, 0, 0)
	dst = binary.LittleEndian.AppendUint32(dst, 0)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(b.count))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(b.data)))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(b.lengths)))
	if key != nil {
		dst[start+1] |= flagEncrypted
		binary.LittleEndian.PutUint32(dst[start+4:], key.Number)
		dst = dst[:len(dst)+nonceSize]
		rand.Read(dst[len(dst)-nonceSize:])
	}

	payload := len(dst)
	dst = append(dst, b.lengths...)
	packed := s2.Encode(dst[len(dst):cap(dst)], b.data)
	if len(packed) < len(b.data) {
		dst[start+1] |= flagCompressed
		dst = dst[:len(dst)+len(packed)]
	} else {
		dst = append(dst, b.data...)
	}
	if key == nil {
		return dst
	}
	header, nonce := dst[start:start+headerSize], dst[payload-nonceSize:payload]
	sealed := key.AEAD.Seal(dst[payload:payload], nonce, dst[payload:], header)
	return dst[:payload+len(sealed)]
}

// Block is an unpacked block. Its memory is used again by the next Unpack into it.
type Block struct {
	Ends []int  // for each record the offset in Data at which it ends
	Data []byte // all records, one after the other; nil after UnpackLengths

	clear []byte // a decrypted payload
	plain []byte // decompressed data
}

// Count returns the number of records.
func (b *Block) Count() int { return len(b.Ends) }

// Start returns the offset in Data at which record i begins; i may be Count().
func (b *Block) Start(i int) int {
	if i == 0 {
		return 0
	}
	return b.Ends[i-1]
}

// Record returns record i, valid until the next Unpack.
func (b *Block) Record(i int) []byte { return b.Data[b.Start(i):b.Ends[i]] }

// UnpackLengths fills in Ends alone.
func (b *Block) UnpackLengths(body []byte, keys Keys) error {
	_, _, _, err := b.open(body, keys)
	return err
}

// Unpack fills in the whole block. Data may be a part of body. Bytes that are no block wrap ErrCorrupt.
func (b *Block) Unpack(body []byte, keys Keys) error {
	data, size, compressed, err := b.open(body, keys)
	if err != nil {
		return err
	}
	if !compressed {
		b.Data = data
		return nil
	}
	if n, err := s2.DecodedLen(data); err != nil || n != size {
		return fmt.Errorf("%w: data of %d bytes decompresses to %d", ErrCorrupt, size, n)
	}
	if b.plain, err = s2.Decode(slices.Grow(b.plain[:0], size)[:size], data); err != nil {
		return fmt.Errorf("%w: %v", ErrCorrupt, err)
	}
	b.Data = b.plain
	return nil
}

// Describe reads a block's header alone: how many records it holds, of how many bytes, and which data key encrypts it.
func Describe(body []byte) (records, size int, key uint32, err error) {
	if len(body) < headerSize || body[0] != version {
		return 0, 0, 0, fmt.Errorf("%w: no header of version %d", ErrCorrupt, version)
	}
	return int(binary.LittleEndian.Uint32(body[8:])), int(binary.LittleEndian.Uint32(body[12:])), binary.LittleEndian.Uint32(body[4:]), nil
}

// open checks the header, decrypts the payload, fills in Ends, and returns the data as it is packed.
func (b *Block) open(body []byte, keys Keys) (data []byte, size int, compressed bool, err error) {
	b.Ends, b.Data = b.Ends[:0], nil
	if len(body) < headerSize || body[0] != version || body[1]&^(flagCompressed|flagEncrypted) != 0 || body[2]|body[3] != 0 {
		return nil, 0, false, fmt.Errorf("%w: no header of version %d", ErrCorrupt, version)
	}
	header, payload := body[:headerSize], body[headerSize:]
	compressed = header[1]&flagCompressed != 0
	number := binary.LittleEndian.Uint32(header[4:])
	count := binary.LittleEndian.Uint32(header[8:])
	dataSize := binary.LittleEndian.Uint32(header[12:])
	lengthsSize := binary.LittleEndian.Uint32(header[16:])
	if encrypted := header[1]&flagEncrypted != 0; encrypted != (number != 0) {
		return nil, 0, false, fmt.Errorf("%w: encrypted is %t, with data key %d", ErrCorrupt, encrypted, number)
	}
	if count == 0 || count > countMax || dataSize > dataMax {
		return nil, 0, false, fmt.Errorf("%w: %d records of %d bytes", ErrCorrupt, count, dataSize)
	}
	if header[1]&flagEncrypted != 0 {
		if payload, err = b.decrypt(header, payload, number, keys); err != nil {
			return nil, 0, false, err
		}
	}
	if uint64(lengthsSize) > uint64(len(payload)) {
		return nil, 0, false, fmt.Errorf("%w: payload of %d bytes is cut off", ErrCorrupt, len(payload))
	}
	lengths, data := payload[:lengthsSize], payload[lengthsSize:]
	if !compressed && len(data) != int(dataSize) {
		return nil, 0, false, fmt.Errorf("%w: %d bytes of data, not %d", ErrCorrupt, len(data), dataSize)
	}
	if err := b.readLengths(lengths, int(count), uint64(dataSize)); err != nil {
		return nil, 0, false, err
	}
	return data, int(dataSize), compressed, nil
}

func (b *Block) decrypt(header, payload []byte, number uint32, keys Keys) ([]byte, error) {
	if len(payload) < nonceSize {
		return nil, fmt.Errorf("%w: payload of %d bytes is cut off", ErrCorrupt, len(payload))
	}
	if keys == nil {
		return nil, fmt.Errorf("block is encrypted with data key %d, and no keys are at hand", number)
	}
	aead, err := keys(number)
	if err != nil {
		return nil, fmt.Errorf("get data key %d: %w", number, err)
	}
	b.clear, err = aead.Open(b.clear[:0], payload[:nonceSize], payload[nonceSize:], header)
	if err != nil {
		return nil, fmt.Errorf("%w: decrypt with data key %d: %v", ErrCorrupt, number, err)
	}
	return b.clear, nil
}

// readLengths turns lengths into ends; they must add up to the size of the data.
func (b *Block) readLengths(lengths []byte, count int, dataSize uint64) error {
	var end uint64
	for range count {
		length, n := binary.Uvarint(lengths)
		if n <= 0 || length > dataSize-end {
			return fmt.Errorf("%w: length of record %d", ErrCorrupt, len(b.Ends))
		}
		lengths = lengths[n:]
		end += length
		b.Ends = append(b.Ends, int(end))
	}
	if len(lengths) != 0 || end != dataSize {
		return fmt.Errorf("%w: lengths add up to %d of %d bytes", ErrCorrupt, end, dataSize)
	}
	return nil
}
