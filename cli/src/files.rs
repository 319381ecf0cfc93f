//! Reading and writing files.

use std::{
    fs,
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use canary_core::json::without_bom;
use tempfile::Builder;

use crate::{
    Failure,
    problem::{Place, Problems},
};

/// The size of the largest file that is read, 1 MiB: no template and no deploy.json that AWS takes is larger.
const MOST_BYTES: u64 = 1_048_576;

/// A file's name and text.
pub struct Text {
    /// As it was given.
    pub name: String,
    /// UTF-8.
    pub text: String,
}

/// Reads a file.
///
/// # Errors
/// That the file cannot be read, or is too large to be one of ours.
pub fn read(path: &Path) -> Result<Text, Problems> {
    let name = path.display().to_string();
    let refuse = |message: String| Problems::one(&Place::whole(&name), message);
    let mut bytes = Vec::new();
    // A pipe has no size that could be looked up first.
    let read = fs::File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes));
    if read.map_err(|error| refuse(format!("cannot be read: {error}")))? as u64 > MOST_BYTES {
        return Err(refuse(format!("has more than {MOST_BYTES} bytes: allowed is 1 MiB at most")));
    }
    let text =
        String::from_utf8(bytes).map_err(|_| refuse("has bytes that are not UTF-8: allowed is UTF-8 text".into()))?;
    Ok(Text { name, text: without_bom(&text).to_owned() })
}

/// Writes a file as a whole or not at all; the standard output if there is none or it is `-`.
///
/// # Errors
/// That it could not be written.
pub fn write(path: Option<&Path>, text: &str) -> Result<(), Failure> {
    let path = match path {
        Some(path) if path != Path::new("-") => path,
        _ => return to_stdout(text),
    };
    // A device or a pipe, such as /dev/null, must not be replaced by a file of its name.
    let special = fs::metadata(path).is_ok_and(|found| !found.is_file());
    let written = if special { fs::write(path, text) } else { replace(path, text) };
    written.map_err(|error| Failure::Failed(format!("{}: cannot be written: {error}", path.display())))
}

/// Puts a new file in the place of what a path leads to, through links. It has the mode of the one that it replaces.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let kept = fs::metadata(&path).map(|replaced| replaced.permissions()).ok();
    // What somebody must not read is not readable while it is being written either.
    let mode = if kept.is_some() { 0o600 } else { 0o666 };
    let folder = path.parent().unwrap_or(Path::new("/"));
    let mut partial = Builder::new()
        .prefix(".canary-")
        .make_in(folder, |path| fs::File::options().write(true).create_new(true).mode(mode).open(path))?;
    partial.as_file_mut().write_all(text.as_bytes())?;
    if let Some(kept) = kept {
        partial.as_file().set_permissions(kept)?;
    }
    partial.persist(path).map(|_| ()).map_err(|failed| failed.error)
}

/// A reader that ends early, such as `head`, is no failure.
fn to_stdout(text: &str) -> Result<(), Failure> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Failed(format!("the standard output cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a folder for the test")
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("there").permissions().mode() & 0o7777
    }

    #[test]
    fn a_replaced_file_keeps_its_mode() {
        let folder = folder();
        for kept in [0o600, 0o640, 0o666, 0o755] {
            let path = folder.path().join("deploy.json");
            fs::write(&path, "old").expect("written");
            fs::set_permissions(&path, fs::Permissions::from_mode(kept)).expect("set");
            assert!(write(Some(&path), "new").is_ok());
            assert_eq!((fs::read_to_string(&path).expect("read").as_str(), mode(&path)), ("new", kept));
        }
    }

    #[test]
    fn a_new_file_has_the_mode_that_any_new_file_has() {
        let folder = folder();
        let (ours, other) = (folder.path().join("ours"), folder.path().join("other"));
        fs::write(&other, "text").expect("written");
        assert!(write(Some(&ours), "text").is_ok());
        assert_eq!(mode(&ours), mode(&other));
    }

    #[test]
    fn nothing_but_the_file_itself_is_touched() {
        let folder = folder();
        let (path, partial) = (folder.path().join("deploy.json"), folder.path().join("deploy.json.partial"));
        fs::write(&path, "old").expect("written");
        fs::write(&partial, "the user's").expect("written");
        assert!(write(Some(&path), "new").is_ok());
        assert_eq!(fs::read_to_string(&partial).expect("read"), "the user's");
        assert_eq!(fs::read_dir(folder.path()).expect("read").count(), 2);
    }

    #[test]
    fn a_link_stays_a_link_and_its_target_is_replaced() {
        let folder = folder();
        let (link, target) = (folder.path().join("deploy.json"), folder.path().join("real.json"));
        fs::write(&target, "old").expect("written");
        symlink(&target, &link).expect("linked");
        assert!(write(Some(&link), "new").is_ok());
        assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
        assert_eq!(fs::read_to_string(&target).expect("read"), "new");
    }

    #[test]
    fn what_is_not_a_file_is_written_to_and_never_replaced() {
        let folder = folder();
        let path = folder.path().join("socket");
        let _listening = std::os::unix::net::UnixListener::bind(&path).expect("bound");
        assert!(write(Some(&path), "text").is_err(), "a socket cannot be opened as a file");
        assert!(!fs::metadata(&path).expect("there").is_file(), "and it is still a socket");
    }
}
