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
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let written = fs::write(&partial, text).and_then(|()| fs::rename(&partial, path));
    written.map_err(|error| {
        // It may not exist, and what went wrong is said already.
        let _ = fs::remove_file(&partial);
        Failure::Failed(format!("{}: cannot be written: {error}", path.display()))
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
