// Package file collects lines from files: it follows what grows, through every way in which logs are rotated, and reads
// what was rotated and compressed while nobody looked.
//
// # Identity
//
// A stream is one run of content, not a name. It is known by its first bytes (up to 1 KiB, growing while the
// file is shorter) and the hash of the up to 1 KiB before the offset that was read to. Device and inode are hints: they
// say where to look first, they never decide alone once there is content to compare. So
//
//   - a renamed file is the same stream under another name;
//   - a truncated file is the end of one stream and the beginning of another, also when it has already grown past the old
//     offset, and the copy that copytruncate left beside it carries the old stream on;
//   - an inode that was reused is another stream;
//   - app.log.2.gz carries on what was app.log yesterday, at the same offset of the decompressed bytes.
//
// # What is read, and when it counts
//
// Nothing is kept in memory that isn't in the position: an unfinished line stays in the file until its line end arrives,
// and is found there again. A position is committed together with the lines before it, by whoever takes the batch in.
// What is rotated is read to its end through the descriptor that is still open, or after a restart found again under its
// rotated name in the same directory. Generations that came and went while nobody looked are read too, oldest first.
//
// # Losses, named
//
//   - copytruncate loses what is written between copy and truncation; no reader can know it. Every truncation is recorded
//     as a gap.
//   - A file that is deleted while nobody holds it open (the daemon is down, or more files than MaxOpen are followed) and
//     that has left no copy beside it takes its unread lines along. Recorded as a gap.
//   - A file that is truncated and written again with the same first and the same last KiB before the offset, between two
//     looks, can't be told from one that was not.
//   - A file that was empty, is written, and emptied in place without leaving a copy, between two looks, leaves no trace.
//   - A rotated file moved to another directory while nobody looked is found only if the include patterns lead there and
//     the file system still gives it the same inode.
//   - Of generations that came and went unseen, the time of last writing tells which are new. A compressor that does not
//     keep it (a shell pipe, not gzip, xz, zstd, bzip2 or logrotate) can make an old one look new where names have no number.
//   - A generation that came and went unseen and begins with the same KiB as one of which nothing was read yet is taken for
//     its copy.
package file
