//! Log files that do not grow without end: one that is too long is copied to `NAME.log.1` and begins again.
//!
//! Whoever writes it goes on writing, so it must write by appending. A line that is written during the copy may be lost.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::sleep;
use tracing::warn;

/// The longest log, in bytes; with its predecessor there are twice as many.
pub const LONGEST: u64 = 16 << 20;
/// The time between looks. An application that writes 100 MB/s has half a gigabyte until then.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Keeps all logs in `directories` and their subdirectories short, for as long as it is polled.
pub async fn keep_short(directories: Vec<PathBuf>) {
    loop {
        sleep(LOOK_EVERY).await;
        let directories = directories.clone();
        let cut = tokio::task::spawn_blocking(move || {
            for directory in &directories {
                if let Err(error) = cut_logs(directory, LONGEST) {
                    warn!(directory = %directory.display(), "cannot keep its logs short: {error}");
                }
            }
        });
        let _ = cut.await;
        if crate::log::lost() > 0 {
            // The first line that can be written ends the gap, and nothing else may be to tell for a long time.
            warn!("this log could not be written for a time: is the disk full?");
        }
    }
}

fn cut_logs(directory: &Path, longest: u64) -> io::Result<()> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            cut_logs(&path, longest)?;
        } else if path.extension().is_some_and(|extension| extension == "log") && entry.metadata()?.len() > longest {
            cut(&path)?;
        }
    }
    Ok(())
}

fn cut(path: &Path) -> io::Result<()> {
    let older = path.with_extension("log.1");
    if fs::copy(path, &older).is_err() {
        // On a full disk half a copy would only make it fuller.
        let _ = fs::remove_file(&older);
    }
    OpenOptions::new().write(true).open(path)?.set_len(0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Write;

    use super::*;

    #[test]
    fn a_long_log_begins_again_and_its_writer_goes_on() {
        let directory = tempfile::tempdir().unwrap();
        let task = directory.path().join("shop-1");
        fs::create_dir(&task).unwrap();
        let path = task.join("app.log");
        let mut log = OpenOptions::new().create(true).append(true).open(&path).unwrap();
        log.write_all(b"0123456789").unwrap();
        cut_logs(directory.path(), 10).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"0123456789");
        log.write_all(b"x").unwrap();
        cut_logs(directory.path(), 10).unwrap();
        log.write_all(b"next").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"next");
        assert_eq!(fs::read(task.join("app.log.1")).unwrap(), b"0123456789x");
        // Only logs are cut, and a directory that is not there is none.
        fs::write(task.join("data.bin"), [0; 20]).unwrap();
        cut_logs(directory.path(), 10).unwrap();
        assert_eq!(fs::read(task.join("data.bin")).unwrap().len(), 20);
        cut_logs(&directory.path().join("none"), 10).unwrap();
    }
}
