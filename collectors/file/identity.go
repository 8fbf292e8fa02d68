package file

import (
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// blockLen is how many bytes at the beginning, and before the offset, identify content.
const blockLen = 1024

// fingerprint is the first bytes of content, up to blockLen of them. A short one is compared with as many bytes of others.
// The bytes are kept, not a hash of them: a copy that was made of a log while it was still shorter can only be recognised so.
type fingerprint string

func fingerprintOf(head []byte) fingerprint { return fingerprint(head[:min(len(head), blockLen)]) }

// begins says whether content that begins with head has this fingerprint.
func (f fingerprint) begins(head []byte) bool {
	return len(head) >= len(f) && string(head[:len(f)]) == string(f)
}

// blockSum is the hash of the up to blockLen bytes before an offset.
type blockSum [8]byte

func blockOf(b []byte) (s blockSum) {
	b = b[max(0, len(b)-blockLen):]
	h := sha256.Sum256(b)
	copy(s[:], h[:])
	return s
}

// fileID names an inode while it lives.
type fileID struct{ dev, ino uint64 }

func idOf(fi os.FileInfo) fileID {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return fileID{uint64(st.Dev), st.Ino} //nolint:unconvert // Dev is 32 bits wide on some platforms
	}
	return fileID{}
}

// linksTo says how many names a file has.
func linksTo(fi os.FileInfo) uint64 {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Nlink) //nolint:unconvert // Nlink is 32 bits wide on some platforms
	}
	return 1
}

// match says how content compares with what a position tells.
type match int

const (
	matchNot     match = iota // other content
	matchShort                // begins the same, but ends before the offset: perhaps a copy that was made before we read on
	matchFull                 // the same up to the offset
	matchUnknown              // can't be read
)

// compare looks whether src is the content that p is a position of. Src must allow two reads, the second further on.
func compare(src io.ReaderAt, p *position) (match, error) {
	buf := make([]byte, blockLen)
	n, err := src.ReadAt(buf[:len(p.head)], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return matchNot, err
	}
	if n == 0 || string(p.head[:n]) != string(buf[:n]) {
		return matchNot, nil // other content, or nothing to know it by
	}
	if n < len(p.head) {
		return matchShort, nil
	}
	look := min(blockLen, p.offset)
	n, err = src.ReadAt(buf[:look], p.offset-look)
	if err != nil && !errors.Is(err, io.EOF) {
		return matchNot, err
	}
	if int64(n) < look {
		return matchShort, nil
	}
	if look > 0 && blockOf(buf[:n]) != p.block {
		return matchNot, nil
	}
	return matchFull, nil
}

// sameContent says whether the shorter of two files is a prefix of the longer, as far as the first block and the block
// before the shorter one's end tell. Empty files are the prefix of nothing.
func sameContent(a io.ReaderAt, aSize int64, b io.ReaderAt, bSize int64) bool {
	size := min(aSize, bSize)
	if size <= 0 {
		return false
	}
	var x, y [blockLen]byte
	equal := func(n, at int64) bool {
		i, _ := a.ReadAt(x[:n], at)
		j, _ := b.ReadAt(y[:n], at)
		return int64(i) == n && int64(j) == n && string(x[:n]) == string(y[:n])
	}
	n := min(size, blockLen)
	return equal(n, 0) && equal(n, size-n)
}

// bornAfter says whether the file at path was made after t, Unix nanoseconds, where the file system tells. The same inode
// number then is not the same file.
func bornAfter(path string, t int64) bool {
	var st unix.Statx_t
	if unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_BTIME, &st) != nil || st.Mask&unix.STATX_BTIME == 0 {
		return false
	}
	return st.Btime.Sec*1e9+int64(st.Btime.Nsec) > t
}
