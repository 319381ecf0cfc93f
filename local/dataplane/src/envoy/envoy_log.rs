//! What Envoy says of a configuration that it rejects. Its statistics only count; its log has the words.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;

/// Envoy's words before the reason.
const MARK: &str = "update rejected: ";
/// A reason repeats the resource, which may be long.
const LONGEST: usize = 500;

/// An Envoy's log, read from where it was left.
#[derive(Debug)]
pub(super) struct EnvoyLog {
    path: PathBuf,
    position: u64,
}

impl EnvoyLog {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, position: 0 }
    }

    /// Leaves out what was said so far.
    pub(super) fn skip(&mut self) {
        self.position = std::fs::metadata(&self.path).map_or(0, |file| file.len());
    }

    /// The first reason for a rejection that was not read before.
    pub(super) fn rejection(&mut self) -> Option<String> {
        let mut file = File::open(&self.path).ok()?;
        // A log that was cut begins again.
        if file.metadata().ok()?.len() < self.position {
            self.position = 0;
        }
        file.seek(SeekFrom::Start(self.position)).ok()?;
        let mut new = Vec::new();
        file.read_to_end(&mut new).ok()?;
        let mut read = 0;
        for line in new.split_inclusive(|&byte| byte == b'\n') {
            read += line.len() as u64;
            let text = String::from_utf8_lossy(line);
            if let Some((_, reason)) = text.split_once(MARK) {
                self.position += read;
                return Some(reason.trim().chars().take(LONGEST).collect());
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Write;

    use super::*;

    #[test]
    fn each_rejection_is_told_once_and_old_ones_are_left_out() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("envoy.log");
        let mut log = EnvoyLog::new(path.clone());
        assert_eq!(log.rejection(), None);
        let mut file = File::create(&path).unwrap();
        writeln!(file, "[warning] Filesystem config update rejected: old").unwrap();
        log.skip();
        writeln!(file, "[info] something\n[warning] Filesystem config update rejected: first\n[info] x").unwrap();
        writeln!(file, "[warning] Filesystem config update rejected: second").unwrap();
        assert_eq!([log.rejection(), log.rejection()], [Some("first".into()), Some("second".into())]);
        assert_eq!(log.rejection(), None);
        file.set_len(0).unwrap();
        std::fs::write(&path, "update rejected: cut\n").unwrap();
        assert_eq!(log.rejection(), Some("cut".into()));
    }
}
