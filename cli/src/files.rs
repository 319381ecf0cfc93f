//! Reading and writing files.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::{
    Failure,
    problem::{Place, Problems},
};

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
/// That the file cannot be read.
pub fn read(path: &Path) -> Result<Text, Problems> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path)
        .map_err(|error| Problems::one(&Place::whole(&name), format!("cannot be read: {error}")))?;
    // Windows editors begin a file so.
    Ok(Text { name, text: text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned() })
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

/// Puts a new file in the place of what a path leads to, through links.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    fs::write(&partial, text).and_then(|()| fs::rename(&partial, &path)).inspect_err(|_| {
        // It may not exist, and what went wrong is said already.
        let _ = fs::remove_file(&partial);
    })
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
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("canary-files-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder for the test");
        folder
    }

    #[test]
    fn a_link_stays_a_link_and_its_target_is_replaced() {
        let folder = scratch("link");
        let (link, target) = (folder.join("deploy.json"), folder.join("real.json"));
        fs::write(&target, "old").expect("written");
        std::os::unix::fs::symlink(&target, &link).expect("linked");
        assert!(write(Some(&link), "new").is_ok());
        assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
        assert_eq!(fs::read_to_string(&target).expect("read"), "new");
        fs::remove_dir_all(&folder).expect("removed");
    }

    #[test]
    fn what_is_not_a_file_is_written_to_and_never_replaced() {
        let folder = scratch("socket");
        let path = folder.join("socket");
        let _listening = std::os::unix::net::UnixListener::bind(&path).expect("bound");
        assert!(write(Some(&path), "text").is_err(), "a socket cannot be opened as a file");
        assert!(!fs::metadata(&path).expect("there").is_file(), "and it is still a socket");
        fs::remove_dir_all(&folder).expect("removed");
    }
}
