package keyring

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"firehose/internal/disk"
)

// ownKey is the service's own master key.
type ownKey struct {
	fsys   disk.FS
	name   string
	logger *slog.Logger

	mu     sync.Mutex
	loaded *wrapper // nil until it is needed
	missed bool     // a data key needed the file and it was not there
}

// get returns the key for opening a data key. It never makes a file: the key that wrapped the data key was there once.
func (o *ownKey) get() (*wrapper, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.loaded != nil {
		return o.loaded, nil
	}
	err := o.loadLocked()
	if errors.Is(err, fs.ErrNotExist) {
		o.missed = true
		return nil, o.missing()
	}
	return o.loaded, err
}

// getOrMake returns the key for wrapping a data key, and makes its file if there is none. It makes none when data keys
// exist that need the missing one: with two master keys in turn, neither would open all of them.
func (o *ownKey) getOrMake() (*wrapper, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.loaded != nil {
		return o.loaded, nil
	}
	err := o.loadLocked()
	if !errors.Is(err, fs.ErrNotExist) {
		return o.loaded, err
	}
	if o.missed {
		return nil, o.missing()
	}
	if err := o.makeLocked(); err != nil {
		return nil, err
	}
	return o.loaded, nil
}

func (o *ownKey) missing() error {
	return fmt.Errorf("master key file %s is missing, and encrypted streams need it: bring it back from a backup", o.name)
}

// fileMax is far above the 45 bytes that a file has.
const fileMax = 1024

func (o *ownKey) loadLocked() error {
	f, err := o.fsys.OpenFile(o.name, os.O_RDONLY)
	if err != nil {
		return fmt.Errorf("open master key: %w", err)
	}
	defer f.Close()
	text := make([]byte, fileMax)
	n, err := f.ReadAt(text, 0)
	if err != nil && err != io.EOF {
		return fmt.Errorf("read master key: %w", err)
	}
	var key [fileMax]byte // Decode writes as many bytes as the text promises
	size, err := base64.StdEncoding.Decode(key[:], bytes.TrimSpace(text[:n]))
	if err != nil || size != keySize {
		return fmt.Errorf("master key file %s does not hold base64 of %d bytes: bring it back from a backup", o.name, keySize)
	}
	if info, err := o.fsys.Stat(o.name); err == nil && info.Mode().Perm()&0o007 != 0 {
		o.logger.Warn("Everybody on this machine may read the master key. Take the rights away.", "file", o.name, "mode", info.Mode().Perm())
	}
	// Whoever made the file may have died before its name was durable.
	if err := o.fsys.SyncDir(filepath.Dir(o.name)); err != nil {
		o.logger.Warn("Folder of the master key cannot be synced.", "file", o.name, "error", err)
	}
	o.loaded = newWrapper(Key(key[:keySize]))
	return nil
}

// makeLocked makes the file under a temporary name first, so that the name either does not exist or holds a whole key.
func (o *ownKey) makeLocked() error {
	key := Key(newDataKey())
	temporary := o.name + ".new"
	if err := o.fsys.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("make master key: %w", err)
	}
	err := writeDurably(o.fsys, temporary, []byte(base64.StdEncoding.EncodeToString(key[:])+"\n"))
	if err == nil {
		err = o.fsys.Rename(temporary, o.name)
	}
	if err != nil {
		o.fsys.Remove(temporary)
		return fmt.Errorf("make master key: %w", err)
	}
	if err := o.fsys.SyncDir(filepath.Dir(o.name)); err != nil {
		o.fsys.Remove(o.name)
		return fmt.Errorf("make master key: %w", err)
	}
	o.loaded = newWrapper(key)
	o.logger.Warn("Made the master key of encrypted streams. Without this file nobody can read their data: back it up. "+
		"Whoever copies it together with the data can read them: move it away from there.", "file", o.name)
	return nil
}

func writeDurably(fsys disk.FS, name string, content []byte) error {
	f, err := fsys.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(content, 0)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
