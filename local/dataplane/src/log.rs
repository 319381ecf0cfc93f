//! This program's own log. A full disk must not end the work that it only tells of.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};

/// Writes that failed since the last one that did not.
static LOST: AtomicU64 = AtomicU64::new(0);

/// How many lines of the log were lost because it cannot be written now.
pub fn lost() -> u64 {
    LOST.load(Ordering::Relaxed)
}

/// A writer that never fails: what cannot be written is lost, and the next line that can says how many were.
#[derive(Debug)]
pub struct Lenient<W>(pub W);

impl<W: Write> Write for Lenient<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let lost = lost();
        // The last line before a gap may be half a line.
        let gap =
            if lost > 0 { format!("\n{lost} lines before this one could not be written\n") } else { String::new() };
        match self.0.write_all(gap.as_bytes()).and_then(|()| self.0.write_all(line)) {
            Ok(()) => LOST.store(0, Ordering::Relaxed),
            Err(_) => LOST.store(lost + 1, Ordering::Relaxed),
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = self.0.flush();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A disk that may be full.
    #[derive(Default)]
    struct Disk {
        full: bool,
        written: Vec<u8>,
    }

    impl Write for &mut Disk {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            if self.full {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.written.extend(line);
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_loses_lines_and_the_next_one_says_how_many() {
        let mut disk = Disk { full: true, ..Disk::default() };
        for _ in 0..2 {
            Lenient(&mut disk).write_all(b"lost\n").unwrap();
        }
        assert_eq!(lost(), 2);
        disk.full = false;
        Lenient(&mut disk).write_all(b"kept\n").unwrap();
        assert_eq!(String::from_utf8(disk.written).unwrap(), "\n2 lines before this one could not be written\nkept\n");
        assert_eq!(lost(), 0);
    }
}
